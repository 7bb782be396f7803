"""Several servers, several callers, several samples: who is asked what, how often, and in which order."""

import gc
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from builders.inference import Answer, CacheUnusable, Client, Refusal, RequestCache, Unanswered, connect
from builders.inference.cache import request_key
from tests.inference.chat_server import ChatServer, request, texts

ROOT = Path(__file__).parents[2]
WAIT_S = 20


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builders.inference.dispatch.FIRST_PAUSE_S", 0.05)
    monkeypatch.setattr("builders.inference.watch.FIRST_LOOK_S", 0.05)
    monkeypatch.setattr("builders.inference.watch.MAX_LOOK_S", 0.2)


@pytest.fixture
def two() -> Iterator[tuple[ChatServer, ChatServer]]:
    with ChatServer() as first, ChatServer() as second:
        yield first, second


def asking(*servers: ChatServer, cache: RequestCache, **options: Any) -> Client:
    options = {"concurrency": 4, "patience_s": WAIT_S, **options}
    return Client([connect(server.address) for server in servers], cache, **options)


def aside(function: Callable[..., Any], *arguments: Any) -> "Future[Any]":
    """Runs a function in another thread; one that hangs does not hold up the end of the tests."""
    future: Future[Any] = Future()

    def run() -> None:
        try:
            future.set_result(function(*arguments))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


def loops() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "codeio-inference"}


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.005)


def asked(*servers: ChatServer) -> Counter[str]:
    return sum((server.asked for server in servers), Counter[str]())


def answered(*servers: ChatServer) -> Counter[str]:
    return sum((server.answered for server in servers), Counter[str]())


def order(server: ChatServer) -> list[str]:
    return [body["messages"][-1]["content"] for body in server.bodies]


def samples(text: str, seeds: range, temperature: float = 0.7) -> list[dict[str, Any]]:
    messages = request(text)["messages"]
    return [{"messages": messages, "temperature": temperature, "seed": seed} for seed in seeds]


def by_seed(body: dict[str, Any]) -> tuple[str, str]:
    return f"{body['messages'][-1]['content']} {body.get('seed')}", "stop"


class Gate:
    """Holds the replies to some requests back until it is opened."""

    def __init__(self, *texts: str) -> None:
        self.texts = texts
        self.opened = threading.Event()
        self.n_held = 0

    def __call__(self, body: dict[str, Any]) -> tuple[str, str]:
        text = body["messages"][-1]["content"]
        if not self.texts or text in self.texts:
            self.n_held += 1
            if not self.opened.wait(WAIT_S):
                return "came too late", "stop"
        return text.upper(), "stop"


# Several servers


def test_two_servers_share_the_work_and_each_request_is_sent_once(
    two: tuple[ChatServer, ChatServer], cache: RequestCache
) -> None:
    for server in two:
        server.delay_s = 0.02
    names = [f"row {i}" for i in range(100)]
    assert texts(asking(*two, cache=cache).ask([request(name) for name in names])) == [
        name.upper() for name in names
    ]
    assert asked(*two) == dict.fromkeys(names, 1)
    assert min(sum(server.asked.values()) for server in two) >= 20


def test_a_few_requests_of_no_group_are_shared_too(
    two: tuple[ChatServer, ChatServer], cache: RequestCache
) -> None:
    for server in two:
        server.delay_s = 0.02
    client = asking(*two, cache=cache, concurrency=256)
    for call in range(3):
        client.ask([request(f"row {call} {i}") for i in range(8)])
    assert [sum(server.asked.values()) for server in two] == [12, 12]


def test_requests_of_one_group_stay_on_one_server_while_both_are_busy(
    two: tuple[ChatServer, ChatServer], cache: RequestCache
) -> None:
    for server in two:
        server.delay_s = 0.01
    names = [f"{group} {i}" for i in range(40) for group in "ab"]
    client = asking(*two, cache=cache, concurrency=2)
    client.ask([request(name) for name in names], groups=[name[0] for name in names])
    homes = [{text[0] for text in order(server)[:20]} for server in two]  # none has run out of its own yet
    assert sorted(map(sorted, homes)) == [["a"], ["b"]]


def test_an_idle_server_takes_over_from_the_end_of_the_others_queue(
    two: tuple[ChatServer, ChatServer], cache: RequestCache
) -> None:
    for server in two:
        server.delay_s = 0.02
    names = [f"row {i}" for i in range(40)]
    client = asking(*two, cache=cache, concurrency=1)
    client.ask([request(name) for name in names], groups=["one function"] * 40)
    first, second = sorted((order(server) for server in two), key=lambda texts: texts[0] != "row 0")
    assert first == names[: len(first)]  # its prefix stays warm
    assert second == names[: len(first) - 1 : -1]
    assert len(second) >= 10


def test_a_server_that_dies_in_mid_run_loses_nothing(
    two: tuple[ChatServer, ChatServer], cache: RequestCache
) -> None:
    dying, _ = two
    for server in two:
        server.delay_s = 0.03
    names = [f"row {i}" for i in range(120)]
    client = asking(*two, cache=cache)
    outcomes = aside(client.ask, [request(name) for name in names])
    until(lambda: sum(dying.answered.values()) >= 12)
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
    client = asking(server, cache=cache)
    outcomes = aside(client.ask, [request(name) for name in names])
    until(lambda: sum(server.answered.values()) >= 12)
    server.die()
    until(lambda: client.usage.failures["unreachable"])
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
    outcomes = aside(asking(*two, cache=cache).ask, [request(name) for name in names])
    until(lambda: sum(restarted.answered.values()) >= 12)
    restarted.die()
    n_before = sum(restarted.answered.values())
    restarted.start()
    assert texts(outcomes.result(WAIT_S)) == [name.upper() for name in names]
    assert sum(restarted.answered.values()) >= n_before + 12


@pytest.mark.parametrize("change", [{"id": "other"}, {"root": "other-weights"}], ids=["name", "weights"])
def test_a_server_that_comes_back_with_another_model_is_given_up(
    server: ChatServer,
    cache: RequestCache,
    change: dict[str, str],
) -> None:
    server.delay_s = 0.03
    client = asking(server, cache=cache, patience_s=600)
    outcomes = aside(client.ask, [request(f"row {i}") for i in range(60)])
    until(lambda: sum(server.answered.values()) >= 12)
    server.die()
    # By all in flight: libcurl sends anew by itself what was lost with a connection that had been used.
    until(lambda: client.usage.failures["unreachable"] and not client.usage.in_flight)
    n_answered = sum(server.answered.values())
    server.models[0] |= change
    server.start()
    with pytest.raises(Unanswered, match="serves other") as caught:
        outcomes.result(WAIT_S)
    assert (caught.value.n_answered, caught.value.n_open) == (n_answered, 60 - n_answered)
    assert sum(server.answered.values()) == n_answered  # its answers would be of another model


def test_another_server_takes_over_from_one_with_another_model(
    two: tuple[ChatServer, ChatServer], cache: RequestCache, caplog: pytest.LogCaptureFixture
) -> None:
    changed, _ = two
    for server in two:
        server.delay_s = 0.03
    names = [f"row {i}" for i in range(100)]
    client = asking(*two, cache=cache)
    outcomes = aside(client.ask, [request(name) for name in names])
    until(lambda: sum(changed.answered.values()) >= 12)
    changed.die()
    assert texts(outcomes.result(WAIT_S)) == [name.upper() for name in names]
    n_before = sum(changed.asked.values())
    changed.models[0]["root"] = "other-weights"
    changed.start()
    until(lambda: any("stays left out" in line for line in caplog.messages))
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

    client = asking(server, cache=cache, concurrency=2)
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

    client = asking(*two, cache=cache)
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
    client = asking(*two, cache=cache)
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
    client = asking(*two, cache=cache)
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
    client = asking(*two, cache=cache)
    assert texts(client.ask([request("a")])) == ["A"]
    assert [server.asked["a"] for server in two] in ([1, 2], [2, 1])
    assert client.usage.failures == {"HTTP 500": 2}


# Bad replies


def test_a_reply_that_only_drips_is_given_up_and_tried_again(server: ChatServer, cache: RequestCache) -> None:
    server.faults["a"] = ["drip"]
    client = asking(server, cache=cache, timeout_s=0.6)
    assert texts(client.ask([request("a"), request("b")])) == ["A", "B"]
    assert server.asked == {"a": 2, "b": 1}
    assert client.usage.failures == {"timeout": 1}


def test_the_answer_of_another_model_is_never_kept(server: ChatServer, cache: RequestCache) -> None:
    server.faults["a"] = ["other_model"]
    server.faults["b"] = ["other_model"] * 9
    client = asking(server, cache=cache, patience_s=1)
    with pytest.raises(Unanswered, match="somebody-else answered, not tiny"):
        client.ask([request("a"), request("b")])
    with cache.open() as answers:
        assert [answer.text for _, answer in answers.answers()] == ["A"]
    assert client.usage.failures["no whole answer"] == 6


def test_a_refusal_is_kept_until_refusals_are_forgotten(server: ChatServer, cache: RequestCache) -> None:
    server.faults["a"] = ["422", "422"]
    client = asking(server, cache=cache)
    before = client.deciding()
    refused = [Refusal("rejected", "HTTP 422: fault 422")]
    assert client.ask([request("a")]) == client.ask([request("a")]) == refused
    assert asking(server, cache=cache).ask([request("a")]) == refused
    assert server.asked["a"] == 1
    assert client.deciding() == before
    for retries in (1, 2):
        with cache.open() as answers:
            assert answers.refusals() == {"rejected": 1}
            assert answers.forget_refusals() == 1
            assert answers.forget_refusals() == 0  # none were left: nothing is out of date
        assert client.deciding() == {**before, "retries": retries}
        outcomes = client.ask([request("a")])
        assert server.asked["a"] == retries + 1
    assert texts(outcomes) == ["A"]
    with cache.open() as answers:
        assert answers.refusals() == {}


# Chains


def test_what_follows_goes_out_before_what_was_waiting(server: ChatServer, cache: RequestCache) -> None:
    def then(index: int, answers: list[Answer]) -> dict[str, Any] | None:
        assert [answer.text for answer in answers] == [f"ROW {index}", f"ROW {index} MORE"][: len(answers)]
        return request(f"row {index} more") if len(answers) == 1 else None

    client = asking(server, cache=cache, concurrency=1)
    outcomes = client.chains([request(f"row {i}") for i in range(6)], then)
    assert [texts(some) for some in outcomes] == [[f"ROW {i}", f"ROW {i} MORE"] for i in range(6)]
    assert order(server) == [f"row {i}{more}" for i in range(6) for more in ("", " more")]

    again = asking(server, cache=cache)
    repeated = again.chains([request(f"row {i}") for i in range(6)], then)
    assert [texts(some) for some in repeated] == [texts(some) for some in outcomes]
    assert len(server.bodies) == 12
    assert (again.usage.asked, again.usage.from_cache) == (0, 12)


def test_a_chain_stays_on_its_server(two: tuple[ChatServer, ChatServer], cache: RequestCache) -> None:
    for server in two:
        server.delay_s = 0.01

    def then(index: int, answers: list[Answer]) -> dict[str, Any] | None:
        return request(f"row {index} step {len(answers)}") if len(answers) < 4 else None

    names = [f"row {i} step 0" for i in range(2)]
    client = asking(*two, cache=cache, concurrency=1)
    client.chains([request(name) for name in names], then, groups=names)
    assert sorted(len({text[:5] for text in order(server)}) for server in two) == [1, 1]


def test_what_follows_may_be_what_another_waits_for(server: ChatServer, cache: RequestCache) -> None:
    def then(index: int, answers: list[Answer]) -> dict[str, Any] | None:
        return request("shared") if len(answers) == 1 else None

    payloads = [request(name) for name in ("a", "b", "shared", "a")]
    outcomes = asking(server, cache=cache).chains(payloads, then)
    assert [texts(some) for some in outcomes] == [
        ["A", "SHARED"],
        ["B", "SHARED"],
        ["SHARED", "SHARED"],
        ["A", "SHARED"],
    ]
    assert server.asked == {"a": 1, "b": 1, "shared": 1}


def test_a_refusal_ends_its_chain(server: ChatServer, cache: RequestCache) -> None:
    server.faults["a more"] = ["422"]
    seen: list[int] = []

    def then(index: int, answers: list[Answer]) -> dict[str, Any]:
        seen.append(len(answers))
        return request(answers[-1].text.lower() + " more") if len(answers) < 3 else request("never ends")

    (outcomes,) = asking(server, cache=cache).chains([request("a")], then)
    assert texts(outcomes) == ["A", "rejected"]
    assert seen == [1]


def test_options_of_the_client_are_asked_in_what_follows_too(server: ChatServer, cache: RequestCache) -> None:
    client = asking(server, cache=cache, options={"top_k": 5})
    client.chains([request("a")], lambda _, answers: request("b") if len(answers) == 1 else None)
    assert [body["top_k"] for body in server.bodies] == [5, 5]


def test_what_follows_may_name_no_model(server: ChatServer, cache: RequestCache) -> None:
    with pytest.raises(ValueError, match="names no model"):
        asking(server, cache=cache).chains([request("a")], lambda *_: request("b", model="huge"))


# Samples


def test_samples_of_a_question_are_asked_at_once(server: ChatServer, cache: RequestCache) -> None:
    server.gives_n, server.reply = True, by_seed
    client = asking(server, cache=cache)
    payloads = [*samples("a", range(3, 7)), request("b"), *samples("c", range(2))]
    outcomes = client.ask(payloads)
    assert texts(outcomes) == ["a 3", "a 4", "a 5", "a 6", "b 0", "c 0", "c 1"]
    told = [(body["messages"][-1]["content"], body.get("seed"), body.get("n")) for body in server.bodies]
    assert sorted(told, key=str) == [("a", 3, 4), ("b", None, None), ("c", 0, 2)]
    assert client.usage.asked == 3
    assert (client.usage.answered, client.usage.completion_tokens) == (7, 21)
    counts = [outcome.n_completion_tokens for outcome in outcomes if isinstance(outcome, Answer)]
    assert counts == [None, None, None, None, 3, None, None]


def test_samples_are_kept_one_by_one_under_their_seeds(server: ChatServer, cache: RequestCache) -> None:
    server.gives_n, server.reply = True, by_seed
    client = asking(server, cache=cache)
    client.ask(samples("a", range(2)))
    client.ask(samples("a", range(5, 6)))
    server.bodies.clear()
    assert texts(client.ask(samples("a", range(7)))) == [f"a {seed}" for seed in range(7)]
    assert sorted((body["seed"], body.get("n")) for body in server.bodies) == [(2, 3), (6, None)]
    with cache.open() as answers:
        for payload in samples("a", range(7)):
            (kept,) = answers.get([request_key(payload, client.identity)]).values()
            assert isinstance(kept, Answer)
            assert kept.text == f"a {payload['seed']}"


@pytest.mark.parametrize(
    "payloads",
    [
        samples("a", range(4), temperature=0),
        samples("a", range(0, 8, 2)),
        [one for name in "abcd" for one in samples(name, range(1))],
        [{**one, "max_tokens": 5 + i} for i, one in enumerate(samples("a", range(4)))],
        [
            {name: value for name, value in one.items() if name != "temperature"}
            for one in samples("a", range(4))
        ],
    ],
    ids=["temperature 0", "gaps", "other questions", "other options", "no temperature"],
)
def test_only_samples_that_differ_in_consecutive_seeds_are_asked_at_once(
    server: ChatServer, cache: RequestCache, payloads: list[dict[str, Any]]
) -> None:
    server.gives_n, server.reply = True, by_seed
    outcomes = asking(server, cache=cache).ask(payloads)
    assert texts(outcomes) == [by_seed(payload)[0] for payload in payloads]
    assert [body.get("n") for body in server.bodies] == [None] * 4


@pytest.mark.parametrize("refuses", [False, True], ids=["gives one", "refuses"])
def test_a_server_that_gives_one_choice_only_is_asked_for_one_at_a_time(
    server: ChatServer, cache: RequestCache, refuses: bool
) -> None:
    server.reply, server.refuses_n = by_seed, refuses
    client = asking(server, cache=cache, concurrency=1)
    names = ["a", "b", "c"]
    outcomes = client.ask([payload for name in names for payload in samples(name, range(4))])
    assert texts(outcomes) == [f"{name} {seed}" for name in names for seed in range(4)]
    assert [body["n"] for body in server.bodies if "n" in body] == [4]  # found out by the first
    n_answered = Counter((order(server)[i], body["seed"]) for i, body in enumerate(server.bodies))
    n_answered[("a", 0)] -= refuses
    assert n_answered == {(name, seed): 1 for name in names for seed in range(4)}
    server.bodies.clear()
    client.ask(samples("d", range(4)))
    assert not any("n" in body for body in server.bodies)


def test_samples_that_come_broken_are_asked_for_again(server: ChatServer, cache: RequestCache) -> None:
    server.gives_n, server.reply, server.n_good = True, by_seed, 3
    client = asking(server, cache=cache)
    assert texts(client.ask(samples("a", range(5)))) == [f"a {seed}" for seed in range(5)]
    assert client.usage.answered == 5


def test_a_prompt_that_is_too_long_is_refused_in_all_its_samples_and_costs_others_nothing(
    server: ChatServer, cache: RequestCache
) -> None:
    server.gives_n, server.reply = True, by_seed
    server.faults["long"] = ["too_long"] * 9
    client = asking(server, cache=cache, concurrency=1)
    outcomes = client.ask(samples("long", range(3)) + samples("a", range(2)))
    assert texts(outcomes) == ["context_too_long"] * 3 + ["a 0", "a 1"]
    assert [body["n"] for body in server.bodies if "n" in body] == [3, 2]


def test_samples_that_are_lost_together_are_tried_again_apart(
    server: ChatServer, cache: RequestCache
) -> None:
    server.gives_n, server.reply = True, by_seed
    server.faults["a"] = ["500", "drop"]
    client = asking(server, cache=cache)
    assert texts(client.ask(samples("a", range(3)))) == ["a 0", "a 1", "a 2"]
    assert [body.get("n") for body in server.bodies] == [3, None, None, None, None]


def test_a_busy_server_costs_a_request_none_of_its_tries(
    server: ChatServer, cache: RequestCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builders.inference.lane.MAX_REST_S", 0.05)
    server.faults["a"] = ["503"] * 9
    client = asking(server, cache=cache)
    assert texts(client.ask([request("a")])) == ["A"]
    assert client.usage.failures == {"HTTP 503": 9}


def test_a_server_that_is_back_is_found_by_the_next_call(
    server: ChatServer, cache: RequestCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builders.inference.watch.FIRST_LOOK_S", 1.0)
    monkeypatch.setattr("builders.inference.watch.MAX_LOOK_S", 1.0)
    client = asking(server, cache=cache, patience_s=2)
    client.ask([request("a")])
    server.die()
    with pytest.raises(Unanswered):
        client.ask([request("b")])
    time.sleep(2)
    server.start()
    assert texts(client.ask([request("b")])) == ["B"]  # its own patience, not what was left of the last


def test_a_server_that_changed_its_model_unseen_gives_no_more_answers(
    server: ChatServer, cache: RequestCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builders.inference.lane.TRUSTED_S", 0.0)
    server.pages["/model_info"] = {"model_path": "weights-1"}
    client = asking(server, cache=cache)
    assert texts(client.ask([request("a")])) == ["A"]
    server.die()
    server.pages["/model_info"] = {"model_path": "weights-2"}
    server.start()  # before anybody could miss it
    with pytest.raises(Unanswered, match="weights-2"):
        client.ask([request("b")])
    with cache.open() as answers:
        assert len(answers) == 1


# Several callers


def test_what_two_threads_ask_at_once_is_sent_once(server: ChatServer, cache: RequestCache) -> None:
    server.reply = gate = Gate("same", "same too")
    client = asking(server, cache=cache)
    first = aside(client.ask, [request("same"), request("same too")])
    until(lambda: gate.n_held == 2)
    second = aside(client.ask, [request("same too"), request("same"), request("own")])
    until(lambda: server.answered["own"])  # so all of the second call was looked at
    gate.opened.set()
    assert texts(first.result(WAIT_S)) == ["SAME", "SAME TOO"]
    assert texts(second.result(WAIT_S)) == ["SAME TOO", "SAME", "OWN"]
    assert server.asked == {"same": 1, "same too": 1, "own": 1}
    assert (client.usage.in_flight, client.usage.waiting) == (0, 0)


def interrupted(client: Client, payloads: list[dict[str, Any]], when: Callable[[], object]) -> None:
    """Asks in the main thread, until Ctrl+C."""

    def interrupt() -> None:
        until(when)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        client.ask(payloads)
    thread.join()


def test_what_another_waits_for_outlives_the_interrupted_call(
    server: ChatServer, cache: RequestCache
) -> None:
    server.reply = gate = Gate("same")
    client = asking(server, cache=cache)
    others: list[Future[Any]] = []

    def joined_by_another() -> bool:
        if gate.n_held and not others:
            others.append(aside(client.ask, [request("same"), request("own")]))
        return bool(server.answered["own"])

    interrupted(client, [request("same")], when=joined_by_another)
    gate.opened.set()
    assert texts(others[0].result(WAIT_S)) == ["SAME", "OWN"]
    assert server.asked == {"same": 1, "own": 1}


def test_an_interrupted_call_takes_nothing_from_those_who_came_first(
    server: ChatServer, cache: RequestCache
) -> None:
    server.reply = gate = Gate("same")
    client = asking(server, cache=cache)
    first = aside(client.ask, [request("same")])
    until(lambda: gate.n_held)
    interrupted(client, [request("same"), request("own")], when=lambda: server.answered["own"])
    gate.opened.set()
    assert texts(first.result(WAIT_S)) == ["SAME"]
    assert server.asked == {"same": 1, "own": 1}


def test_an_interrupted_call_is_not_asked_to_its_end(server: ChatServer, cache: RequestCache) -> None:
    server.reply = gate = Gate()
    client = asking(server, cache=cache)
    payloads = [request(f"row {i}") for i in range(50)]
    interrupted(client, payloads, when=lambda: gate.n_held == 4)
    gate.opened.set()
    until(lambda: client.usage.in_flight == 0)
    assert texts(client.ask([request("other")])) == ["OTHER"]
    assert set(server.asked) <= {f"row {i}" for i in range(4)} | {"other"}
    assert client.usage.waiting == 0
    assert texts(client.ask(payloads)) == [f"ROW {i}" for i in range(50)]


def test_a_call_interrupted_while_it_begins_leaves_nothing_to_wait_for(
    server: ChatServer, cache: RequestCache
) -> None:
    client = asking(server, cache=cache)
    client.ask([request("known")])
    payloads = [request("known"), *(request(f"row {i}") for i in range(200))]
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):  # comes while the loop looks through what is known
        client.chains(payloads, lambda *_: time.sleep(1))
    timer.join()
    assert texts(aside(client.ask, [request("row 5")]).result(5)) == ["ROW 5"]


def test_closing_ends_calls_and_keeps_what_came(server: ChatServer, cache: RequestCache) -> None:
    server.reply = gate = Gate("slow")
    before = loops()
    client = asking(server, cache=cache)
    call = aside(client.ask, [request("a"), request("slow")])
    until(lambda: gate.n_held and client.usage.answered)
    client.close()
    with pytest.raises(CancelledError):
        call.result(WAIT_S)
    gate.opened.set()
    assert loops() <= before
    client.close()
    with pytest.raises(CancelledError):
        client.ask([request("a")])
    assert texts(asking(server, cache=cache).ask([request("a"), request("slow")])) == ["A", "SLOW"]
    assert server.asked == {"a": 1, "slow": 2}


def test_closing_while_servers_are_gone_ends_calls(server: ChatServer, cache: RequestCache) -> None:
    client = asking(server, cache=cache, patience_s=600)
    server.die()
    call = aside(client.ask, [request("a")])
    until(lambda: client.usage.failures["unreachable"])
    client.close()
    with pytest.raises(CancelledError):
        call.result(WAIT_S)
    server.start()  # for its fixture


def test_a_client_closed_in_its_own_thread_ends_it(server: ChatServer, cache: RequestCache) -> None:
    """Where it may also be collected."""
    server.reply = gate = Gate("b")
    before = loops()
    client = asking(server, cache=cache)
    call = aside(client.chains, [request("a"), request("b")], lambda *_: client.close())
    with pytest.raises(CancelledError):
        call.result(WAIT_S)
    until(lambda: loops() <= before)
    gate.opened.set()


def test_a_client_that_is_let_go_of_ends_its_thread(server: ChatServer, cache: RequestCache) -> None:
    before = loops()
    for i in range(3):
        asking(server, cache=cache).ask([request(str(i))])
    gc.collect()
    assert loops() <= before


# The cache


def test_what_was_asked_is_in_the_cache_when_the_call_returns(
    server: ChatServer, cache: RequestCache
) -> None:
    client = asking(server, cache=cache)
    for n in range(1, 20):
        client.ask([request(f"row {n}")])
        with cache.open() as answers:
            assert len(answers) == n


def test_a_cache_that_cannot_look_up_what_follows_fails_the_call(
    server: ChatServer, cache: RequestCache
) -> None:
    client = asking(server, cache=cache)

    def then(index: int, answers: list[Answer]) -> dict[str, Any] | None:
        engine: Any = client._engine  # as its disk may fail under way
        engine._dispatcher._cache._connection.execute("ALTER TABLE answers RENAME TO lost")
        return request("b")

    call = aside(client.chains, [request("a")], then)
    with pytest.raises(CacheUnusable):
        call.result(WAIT_S)


def test_an_answer_that_a_full_disk_does_not_take_is_not_returned(tmp_path: Path) -> None:
    program = """
import sys
from builders.inference import CacheUnusable, Client, RequestCache, connect
from tests.inference.chat_server import ChatServer, request
n_told, cache = 0, RequestCache(sys.argv[1] + "/requests.sqlite")
with ChatServer() as server:
    server.reply = lambda body: ("x" * 5000, "stop")
    client = Client(connect(server.address), cache)
    for i in range(100):
        try:
            client.ask([request(f"row {i}")])
            n_told += 1
        except CacheUnusable as error:
            assert "The disk is full" in str(error), error
with cache.open() as answers:
    assert 5 < len(answers) == n_told < 100, (len(answers), n_told)
print("all held")
"""
    unshare = shutil.which("unshare")
    mount = f"mount -t tmpfs -o size=400k tmpfs {tmp_path}"
    small_disk = [str(unshare), "--user", "--map-root-user", "--mount", "sh", "-c"]
    if unshare is None or subprocess.run([*small_disk, mount], capture_output=True).returncode != 0:
        pytest.skip("a small disk cannot be mounted here (no user namespaces)")
    done = subprocess.run(
        [*small_disk, f'{mount} && exec "$@"', "sh", sys.executable, "-c", program, str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.stdout.strip() == "all held", done.stderr


def test_two_clients_share_a_cache(cache: RequestCache) -> None:
    with ExitStack() as stack:
        servers = [stack.enter_context(ChatServer()) for _ in range(4)]
        names = [f"row {i}" for i in range(100)]
        calls = [
            aside(asking(server, cache=cache).ask, [request(name) for name in names]) for server in servers
        ]
        for call in calls:
            assert texts(call.result(WAIT_S)) == [name.upper() for name in names]
    with cache.open() as answers:
        assert len(answers) == 100
