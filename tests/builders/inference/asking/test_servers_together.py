"""Several servers of one model: which server gets which request, and what happens if one fails."""

import time

import pytest

from builders.inference import Refusal, RequestCache, Unanswered
from tests.builders.inference.calls import (
    WAIT_S,
    Gate,
    answered,
    asked,
    client_of,
    sent_texts,
    started_call,
    wait_until,
)
from tests.doubles.chat_server import ChatServer, request, texts

pytestmark = pytest.mark.usefixtures("short_pauses")


def test_two_servers_share_the_work_and_each_request_is_sent_once(
    two: tuple[ChatServer, ChatServer], cache: RequestCache
) -> None:
    for server in two:
        server.delay_s = 0.02
    names = [f"row {i}" for i in range(100)]
    assert texts(client_of(*two, cache=cache).ask([request(name) for name in names])) == [
        name.upper() for name in names
    ]
    assert asked(*two) == dict.fromkeys(names, 1)
    assert min(sum(server.asked.values()) for server in two) >= 20


def test_a_few_requests_of_no_group_are_shared_too(
    two: tuple[ChatServer, ChatServer], cache: RequestCache
) -> None:
    for server in two:
        server.delay_s = 0.02
    client = client_of(*two, cache=cache, concurrency=256)
    for call in range(3):
        client.ask([request(f"row {call} {i}") for i in range(8)])
    assert [sum(server.asked.values()) for server in two] == [12, 12]


def test_requests_of_one_group_stay_on_one_server_while_both_are_busy(
    two: tuple[ChatServer, ChatServer], cache: RequestCache
) -> None:
    for server in two:
        server.delay_s = 0.01
    names = [f"{group} {i}" for i in range(40) for group in "ab"]
    client = client_of(*two, cache=cache, concurrency=2)
    client.ask([request(name) for name in names], groups=[name[0] for name in names])
    homes = [{text[0] for text in sent_texts(server)[:20]} for server in two]  # neither queue is empty yet
    assert sorted(map(sorted, homes)) == [["a"], ["b"]]


def test_an_idle_server_takes_over_from_the_end_of_the_others_queue(
    two: tuple[ChatServer, ChatServer], cache: RequestCache
) -> None:
    for server in two:
        server.delay_s = 0.02
    names = [f"row {i}" for i in range(40)]
    client = client_of(*two, cache=cache, concurrency=1)
    client.ask([request(name) for name in names], groups=["one function"] * 40)
    first, second = sorted((sent_texts(server) for server in two), key=lambda texts: texts[0] != "row 0")
    assert first == names[: len(first)]  # so the prefix stays in its cache
    assert second == names[: len(first) - 1 : -1]
    assert len(second) >= 10


def test_a_server_that_dies_in_mid_run_loses_nothing(
    two: tuple[ChatServer, ChatServer], cache: RequestCache
) -> None:
    dying, _ = two
    for server in two:
        server.delay_s = 0.03
    names = [f"row {i}" for i in range(120)]
    client = client_of(*two, cache=cache)
    outcomes = started_call(client, names, dying)
    dying.die()
    assert texts(outcomes.result(WAIT_S)) == [name.upper() for name in names]
    assert answered(*two) == dict.fromkeys(names, 1)
    n_lost = sum(asked(*two).values()) - len(names)
    assert 0 <= n_lost <= client.concurrency
    assert client.usage.failures
    assert set(client.usage.failures) <= {"unreachable", "broken connection"}
    dying.start()  # for its fixture


def test_a_call_goes_on_by_itself_when_its_server_is_back(server: ChatServer, cache: RequestCache) -> None:
    server.delay_s = 0.03
    names = [f"row {i}" for i in range(60)]
    client = client_of(server, cache=cache)
    outcomes = started_call(client, names, server)
    server.die()
    wait_until(lambda: client.usage.failures["unreachable"])
    assert not outcomes.done()
    server.start()
    assert texts(outcomes.result(WAIT_S)) == [name.upper() for name in names]
    assert server.answered == dict.fromkeys(names, 1)


def test_a_server_that_comes_back_takes_its_share_again(
    two: tuple[ChatServer, ChatServer], cache: RequestCache
) -> None:
    restarted, _ = two
    for server in two:
        server.delay_s = 0.03
    names = [f"row {i}" for i in range(300)]
    outcomes = started_call(client_of(*two, cache=cache), names, restarted)
    restarted.die()
    n_before = sum(restarted.answered.values())
    restarted.start()
    assert texts(outcomes.result(WAIT_S)) == [name.upper() for name in names]
    assert sum(restarted.answered.values()) >= n_before + 12


@pytest.mark.parametrize("change", [{"id": "other"}, {"root": "other-weights"}], ids=["name", "weights"])
def test_a_server_that_comes_back_with_another_model_is_left_out(
    server: ChatServer,
    cache: RequestCache,
    change: dict[str, str],
) -> None:
    server.delay_s = 0.03
    client = client_of(server, cache=cache, patience_s=600)
    outcomes = started_call(client, [f"row {i}" for i in range(60)], server)
    server.die()
    # Wait for all in flight: libcurl itself sends again what was lost with a connection that it used before.
    wait_until(lambda: client.usage.failures["unreachable"] and not client.usage.in_flight)
    n_answered = sum(server.answered.values())
    server.models[0] |= change
    server.start()
    with pytest.raises(Unanswered, match="serves other") as caught:
        outcomes.result(WAIT_S)
    assert (caught.value.n_answered, caught.value.n_open) == (n_answered, 60 - n_answered)
    assert sum(server.answered.values()) == n_answered  # its answers would be a different model's


def test_another_server_takes_over_from_one_with_another_model(
    two: tuple[ChatServer, ChatServer], cache: RequestCache, caplog: pytest.LogCaptureFixture
) -> None:
    changed, _ = two
    for server in two:
        server.delay_s = 0.03
    names = [f"row {i}" for i in range(100)]
    client = client_of(*two, cache=cache)
    outcomes = started_call(client, names, changed)
    changed.die()
    assert texts(outcomes.result(WAIT_S)) == [name.upper() for name in names]
    n_before = sum(changed.asked.values())
    changed.models[0]["root"] = "other-weights"
    changed.start()
    wait_until(lambda: any("stays left out" in line for line in caplog.messages))
    client.ask([request(f"more {i}") for i in range(20)])
    assert sum(changed.asked.values()) == n_before


def test_a_slow_request_holds_up_no_other(server: ChatServer, cache: RequestCache) -> None:
    server.reply = gate = Gate("row 0")
    names = [f"row {i}" for i in range(30)]
    ended: list[int] = []

    def on_end(n: int) -> None:
        ended.append(n)
        if len(ended) == len(names) - 1:
            gate.opened.set()

    client = client_of(server, cache=cache, concurrency=2)
    chains = client.chains([request(name) for name in names], lambda *_: None, on_end=on_end)
    assert texts([outcomes[-1] for outcomes in chains]) == [name.upper() for name in names]


def test_a_slow_server_holds_up_no_more_than_it_was_sent(
    two: tuple[ChatServer, ChatServer], cache: RequestCache
) -> None:
    slow, _ = two
    slow.reply = gate = Gate()
    names = [f"row {i}" for i in range(60)]
    ended: list[int] = []

    def on_end(n: int) -> None:
        ended.append(n)
        if len(ended) == len(names) - 4:
            gate.opened.set()

    client = client_of(*two, cache=cache)
    chains = client.chains([request(name) for name in names], lambda *_: None, on_end=on_end)
    assert texts([outcomes[-1] for outcomes in chains]) == [name.upper() for name in names]
    assert gate.n_held == 4


def test_a_server_that_asks_for_a_rest_gets_it_and_the_other_its_requests(
    two: tuple[ChatServer, ChatServer], cache: RequestCache
) -> None:
    busy, other = two
    busy.always = "429"  # with Retry-After: 2
    other.delay_s = 0.005
    names = [f"row {i}" for i in range(100)]
    client = client_of(*two, cache=cache)
    assert texts(client.ask([request(name) for name in names])) == [name.upper() for name in names]
    assert other.answered == dict.fromkeys(names, 1)
    first = min(times[0] for times in busy.times.values())
    in_time = sum(at < first + 1.9 for times in busy.times.values() for at in times)
    assert 1 <= in_time <= client.concurrency
    assert set(client.usage.failures) == {"HTTP 429"}


def test_a_server_that_refuses_the_key_leaves_all_to_the_other(
    two: tuple[ChatServer, ChatServer], cache: RequestCache
) -> None:
    closed, other = two
    client = client_of(*two, cache=cache)
    closed.always = "401"
    names = [f"row {i}" for i in range(30)]
    assert texts(client.ask([request(name) for name in names])) == [name.upper() for name in names]
    assert sum(closed.asked.values()) <= client.concurrency
    assert other.answered == dict.fromkeys(names, 1)


def test_what_fails_at_one_server_is_tried_at_another(
    two: tuple[ChatServer, ChatServer], cache: RequestCache
) -> None:
    for server in two:
        server.faults["a"] = ["500"]
    client = client_of(*two, cache=cache)
    assert texts(client.ask([request("a")])) == ["A"]
    assert [server.asked["a"] for server in two] in ([1, 2], [2, 1])
    assert client.usage.failures == {"HTTP 500": 2}


# Bad replies from one server


def test_a_reply_that_only_drips_is_given_up_and_tried_again(server: ChatServer, cache: RequestCache) -> None:
    server.faults["a"] = ["drip"]
    client = client_of(server, cache=cache, timeout_s=0.6)
    assert texts(client.ask([request("a"), request("b")])) == ["A", "B"]
    assert server.asked == {"a": 2, "b": 1}
    assert client.usage.failures == {"timeout": 1}


def test_the_answer_of_another_model_is_never_kept(server: ChatServer, cache: RequestCache) -> None:
    server.faults["a"] = ["other_model"]
    server.faults["b"] = ["other_model"] * 9
    client = client_of(server, cache=cache, patience_s=1)
    with pytest.raises(Unanswered, match="somebody-else answered, not tiny"):
        client.ask([request("a"), request("b")])
    with cache.open() as answers:
        assert [answer.text for _, answer in answers.answers()] == ["A"]
    assert client.usage.failures["no whole answer"] == 6


def test_a_refusal_is_kept_until_refusals_are_forgotten(server: ChatServer, cache: RequestCache) -> None:
    server.faults["a"] = ["422", "422"]
    client = client_of(server, cache=cache)
    before = client.full_identity()
    refused = [Refusal("rejected", "HTTP 422: fault 422")]
    assert client.ask([request("a")]) == client.ask([request("a")]) == refused
    assert client_of(server, cache=cache).ask([request("a")]) == refused
    assert server.asked["a"] == 1
    assert client.full_identity() == before
    for retries in (1, 2):
        with cache.open() as answers:
            assert answers.refusals() == {"rejected": 1}
            assert answers.forget_refusals() == 1
            assert answers.forget_refusals() == 0  # there were none, so nothing is out of date
        assert client.full_identity() == {**before, "retries": retries}
        outcomes = client.ask([request("a")])
        assert server.asked["a"] == retries + 1
    assert texts(outcomes) == ["A"]
    with cache.open() as answers:
        assert answers.refusals() == {}


def test_a_busy_server_costs_a_request_none_of_its_tries(
    server: ChatServer, cache: RequestCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builders.inference.asking.endpoint.MAX_REST_S", 0.05)
    server.faults["a"] = ["503"] * 9
    client = client_of(server, cache=cache)
    assert texts(client.ask([request("a")])) == ["A"]
    assert client.usage.failures == {"HTTP 503": 9}


def test_a_server_that_is_back_is_found_by_the_next_call(
    server: ChatServer, cache: RequestCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builders.inference.asking.watch.FIRST_CHECK_S", 1.0)
    monkeypatch.setattr("builders.inference.asking.watch.MAX_CHECK_S", 1.0)
    client = client_of(server, cache=cache, patience_s=2)
    client.ask([request("a")])
    server.die()
    with pytest.raises(Unanswered):
        client.ask([request("b")])
    time.sleep(2)
    server.start()
    assert texts(client.ask([request("b")])) == ["B"]  # the call before used up only its own patience


def test_a_server_that_changed_its_model_unseen_gives_no_more_answers(
    server: ChatServer, cache: RequestCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builders.inference.asking.endpoint.CHECK_HOLDS_S", 0.0)
    server.pages["/model_info"] = {"model_path": "weights-1"}
    client = client_of(server, cache=cache)
    assert texts(client.ask([request("a")])) == ["A"]
    server.die()
    server.pages["/model_info"] = {"model_path": "weights-2"}
    server.start()  # before a request could notice that it was gone
    with pytest.raises(Unanswered, match="weights-2"):
        client.ask([request("b")])
    with cache.open() as answers:
        assert len(answers) == 1
