"""Requests that wait for a prefix, and for how long: the queue alone, then a client with its server."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders.inference import RequestCache
from builders.inference.asking.queue import N_PREFILLS, N_WARM, Queue
from builders.inference.asking.requests import Request
from tests.builders.inference.calls import WAIT_S, Gate, client_of, in_thread, sent_texts, wait_until
from tests.doubles.chat_server import ChatServer, request, texts

pytestmark = pytest.mark.usefixtures("short_pauses")


def grouped(name: str) -> Request:
    """Return a request of the group that its first letter names."""
    return Request({name: {"messages": []}}, group=name[0])


def filled(*names: str, prefills: bool) -> Queue:
    queue = Queue(prefills)
    for name in names:
        queue.put(grouped(name), ahead=False)
    return queue


def name_of(taken: Request | None) -> str | None:
    if taken is None:
        return None
    (name,) = taken.payloads
    return f"prefill of {name}" if taken.is_prefill else name


def test_a_group_waits_until_its_prefix_is_cached() -> None:
    queue = filled("f1", "f2", "g1", "f3", "g2", prefills=True)
    assert [name_of(queue.take_next()) for _ in range(3)] == ["prefill of f1", "prefill of g1", None]
    queue.release("g")
    assert [name_of(queue.take_next()) for _ in range(3)] == ["g1", "g2", None]
    queue.release("f")
    assert len(queue) == 3
    assert [name_of(queue.take_next()) for _ in range(4)] == ["f1", "f2", "f3", None]
    queue.put(grouped("f4"), ahead=False)
    queue.put(grouped("f5"), ahead=False)
    assert name_of(queue.take_next()) == "f4"  # its prefix is still in the cache


def test_few_prefixes_are_computed_at_a_time() -> None:
    names = [f"{chr(ord('a') + group)}{number}" for group in range(N_PREFILLS + 2) for number in (1, 2)]
    queue = filled(*names, prefills=True)
    firsts = [name_of(queue.take_next()) for _ in range(N_PREFILLS + 1)]
    assert firsts == [*(f"prefill of {name}" for name in names[: 2 * N_PREFILLS : 2]), None]
    queue.release("c")
    assert [name_of(queue.take_next()) for _ in range(4)] == ["c1", "c2", f"prefill of {names[-4]}", None]


def test_without_prefill_requests_the_first_of_a_group_goes_ahead_and_no_room_is_wasted() -> None:
    queue = filled("f1", "f2", "f3", "g1", "g2", prefills=False)
    assert [name_of(queue.take_next()) for _ in range(3)] == ["f1", "g1", "f2"]
    queue.release("g")
    assert [name_of(queue.take_next()) for _ in range(3)] == ["g2", "f3", None]


@pytest.mark.parametrize("prefills", [True, False])
def test_a_request_that_shares_no_prefix_does_not_wait(prefills: bool) -> None:
    queue = filled("f1", prefills=prefills)
    queue.put(Request({"x": {}}, group=""), ahead=False)
    queue.put(Request({"y": {}}, group=""), ahead=False)
    assert [name_of(queue.take_next()) for _ in range(4)] == ["f1", "x", "y", None]


def test_a_restarted_server_is_prefilled_again() -> None:
    queue = filled("f1", "f2", prefills=True)
    queue.release("f")
    queue.forget_prefixes()
    assert name_of(queue.take_next()) == "prefill of f1"


def test_a_prefix_used_long_ago_counts_as_evicted() -> None:
    queue = filled("f1", "f2", prefills=True)
    queue.release("f")
    for number in range(N_WARM):
        queue.release(str(number))
    assert name_of(queue.take_next()) == "prefill of f1"


@given(st.booleans(), st.lists(st.sampled_from(["f", "g", "", "next", "last", "returned"]), max_size=60))
def test_nothing_is_lost_and_nothing_sent_twice(prefills: bool, steps: list[str]) -> None:
    queue, in_flight, sent, n_put = Queue(prefills), [], Counter[str](), 0

    def send(taken: Request | None) -> None:
        if taken:
            in_flight.append(taken.group)
            sent.update([] if taken.is_prefill else list(taken.payloads))

    for step in steps:
        if step == "next":
            send(queue.take_next())
        elif step == "last":
            send(queue.take_last())
        elif step == "returned":
            if in_flight:
                queue.release(in_flight.pop(0))
        else:
            queue.put(Request({f"{step}{n_put}": {}}, group=step), ahead=n_put % 3 == 0)
            n_put += 1
        assert len(queue) == n_put - sent.total()
    while queue:
        send(queue.take_next())
        if in_flight:
            queue.release(in_flight.pop(0))
    assert sent.total() == n_put == len(sent)


def sent_to(server: ChatServer) -> list[str]:
    """Return the texts that a server was sent, in order, with its prefill requests marked."""
    return [
        f"{'prefill of ' * (body.get('max_tokens') == 1)}{text}"
        for body, text in zip(server.bodies, sent_texts(server), strict=True)
    ]


def look_like_sglang(server: ChatServer) -> None:
    server.pages["/model_info"] = {"model_path": "weights"}


def test_sglang_computes_a_shared_prompt_once_before_the_rest_goes_out(
    server: ChatServer, cache: RequestCache
) -> None:
    look_like_sglang(server)
    server.reply = gate = Gate("f1")
    client = client_of(server, cache=cache)
    payloads = [
        request(name, temperature=0.5, response_format={"type": "json_object"}) for name in ("f1", "f2", "g1")
    ]
    call = in_thread(client.ask, payloads, ["f", "f", "g"])
    wait_until(lambda: gate.n_held and server.answered["g1"])
    assert sorted(sent_to(server)) == ["g1", "prefill of f1"]  # both were sent at once, in any order
    assert "response_format" not in server.bodies[sent_to(server).index("prefill of f1")]
    gate.opened.set()
    assert texts(call.result(WAIT_S)) == ["F1", "F2", "G1"]
    assert sorted(sent_to(server)[2:]) == ["f1", "f2"]
    assert (client.usage.asked, client.usage.answered) == (4, 3)
    assert (client.usage.in_flight, client.usage.waiting) == (0, 0)
    with cache.open() as answers:
        assert len(answers) == 3


@pytest.mark.parametrize("fault", ["500", "503", "422", "drop", "too_long", "empty"])
def test_if_a_prefill_request_fails_its_group_is_sent_all_the_same(
    server: ChatServer, cache: RequestCache, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr("builders.inference.asking.endpoint.MAX_REST_S", 0.05)
    look_like_sglang(server)
    server.faults["f1"] = [fault]
    client = client_of(server, cache=cache)
    names = ["f1", "f2", "f3"]
    assert texts(client.ask([request(name) for name in names], ["f"] * 3)) == ["F1", "F2", "F3"]


def test_a_call_given_up_while_its_prefix_is_computed_delays_no_other(
    server: ChatServer, cache: RequestCache
) -> None:
    look_like_sglang(server)
    server.reply = gate = Gate("f1")
    client = client_of(server, cache=cache)

    def failing(index: int, answers: list[Any]) -> None:
        raise RuntimeError("no more of this")

    first = in_thread(client.chains, [request("f1"), request("f2"), request("own")], failing, ["f", "f", ""])
    with pytest.raises(RuntimeError, match="no more"):
        first.result(WAIT_S)
    gate.opened.set()
    assert texts(client.ask([request("f3"), request("f4")], ["f", "f"])) == ["F3", "F4"]
