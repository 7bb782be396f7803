"""Which requests wait for a prefix, and for how long: the queue alone, then a client and its server."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders.inference import RequestCache
from builders.inference.asking.queue import N_PREFILLS, N_WARM, Queue
from builders.inference.asking.requests import Request
from tests.builders.inference.calls import WAIT_S, Gate, aside, asking, order, until
from tests.doubles.chat_server import ChatServer, request, texts

pytestmark = pytest.mark.usefixtures("short_pauses")


def one(name: str) -> Request:
    """Of the group that its first letter names."""
    return Request({name: {"messages": []}}, group=name[0])


def queue(*names: str, prefills: bool) -> Queue:
    made = Queue(prefills)
    for name in names:
        made.put(one(name), ahead=False)
    return made


def name_of(found: Request | None) -> str | None:
    if found is None:
        return None
    (name,) = found.payloads
    return f"prefill of {name}" if found.is_prefill else name


def test_a_group_waits_until_its_prefix_is_known() -> None:
    waiting = queue("f1", "f2", "g1", "f3", "g2", prefills=True)
    assert [name_of(waiting.next()) for _ in range(3)] == ["prefill of f1", "prefill of g1", None]
    waiting.returned("g")
    assert [name_of(waiting.next()) for _ in range(3)] == ["g1", "g2", None]
    waiting.returned("f")
    assert len(waiting) == 3
    assert [name_of(waiting.next()) for _ in range(4)] == ["f1", "f2", "f3", None]
    waiting.put(one("f4"), ahead=False)
    waiting.put(one("f5"), ahead=False)
    assert name_of(waiting.next()) == "f4"  # it is known still


def test_few_prefixes_are_on_their_way_at_a_time() -> None:
    names = [f"{chr(ord('a') + group)}{number}" for group in range(N_PREFILLS + 2) for number in (1, 2)]
    waiting = queue(*names, prefills=True)
    firsts = [name_of(waiting.next()) for _ in range(N_PREFILLS + 1)]
    assert firsts == [*(f"prefill of {name}" for name in names[: 2 * N_PREFILLS : 2]), None]
    waiting.returned("c")
    assert [name_of(waiting.next()) for _ in range(4)] == ["c1", "c2", f"prefill of {names[-4]}", None]


def test_without_prefill_requests_the_first_of_a_group_goes_ahead_and_no_room_is_wasted() -> None:
    waiting = queue("f1", "f2", "f3", "g1", "g2", prefills=False)
    assert [name_of(waiting.next()) for _ in range(3)] == ["f1", "g1", "f2"]
    waiting.returned("g")
    assert [name_of(waiting.next()) for _ in range(3)] == ["g2", "f3", None]


@pytest.mark.parametrize("prefills", [True, False])
def test_what_shares_with_nothing_else_does_not_wait(prefills: bool) -> None:
    waiting = queue("f1", prefills=prefills)
    waiting.put(Request({"x": {}}, group=""), ahead=False)
    waiting.put(Request({"y": {}}, group=""), ahead=False)
    assert [name_of(waiting.next()) for _ in range(4)] == ["f1", "x", "y", None]


def test_a_server_that_was_started_anew_is_prefilled_anew() -> None:
    waiting = queue("f1", "f2", prefills=True)
    waiting.returned("f")
    waiting.cools()
    assert name_of(waiting.next()) == "prefill of f1"


def test_a_prefix_used_long_ago_is_taken_to_be_forgotten() -> None:
    waiting = queue("f1", "f2", prefills=True)
    waiting.returned("f")
    for number in range(N_WARM):
        waiting.returned(str(number))
    assert name_of(waiting.next()) == "prefill of f1"


@given(st.booleans(), st.lists(st.sampled_from(["f", "g", "", "next", "last", "returned"]), max_size=60))
def test_nothing_is_lost_and_nothing_sent_twice(prefills: bool, steps: list[str]) -> None:
    waiting, in_flight, sent, n_put = Queue(prefills), [], Counter[str](), 0

    def note(found: Request | None) -> None:
        if found:
            in_flight.append(found.group)
            sent.update([] if found.is_prefill else list(found.payloads))

    for step in steps:
        if step == "next":
            note(waiting.next())
        elif step == "last":
            note(waiting.last())
        elif step == "returned":
            if in_flight:
                waiting.returned(in_flight.pop(0))
        else:
            waiting.put(Request({f"{step}{n_put}": {}}, group=step), ahead=n_put % 3 == 0)
            n_put += 1
        assert len(waiting) == n_put - sent.total()
    while waiting:
        note(waiting.next())
        if in_flight:
            waiting.returned(in_flight.pop(0))
    assert sent.total() == n_put == len(sent)


def asked_about(server: ChatServer) -> list[str]:
    return [
        f"{'prefill of ' * (body.get('max_tokens') == 1)}{text}"
        for body, text in zip(server.bodies, order(server), strict=True)
    ]


def sglang_like(server: ChatServer) -> None:
    server.pages["/model_info"] = {"model_path": "weights"}


def test_sglang_computes_a_shared_prompt_once_before_the_rest_goes_out(
    server: ChatServer, cache: RequestCache
) -> None:
    sglang_like(server)
    server.reply = gate = Gate("f1")
    client = asking(server, cache=cache)
    payloads = [
        request(name, temperature=0.5, response_format={"type": "json_object"}) for name in ("f1", "f2", "g1")
    ]
    call = aside(client.ask, payloads, ["f", "f", "g"])
    until(lambda: gate.n_held and server.answered["g1"])
    assert sorted(asked_about(server)) == ["g1", "prefill of f1"]  # both at once, whichever comes first
    assert "response_format" not in server.bodies[asked_about(server).index("prefill of f1")]
    gate.opened.set()
    assert texts(call.result(WAIT_S)) == ["F1", "F2", "G1"]
    assert sorted(asked_about(server)[2:]) == ["f1", "f2"]
    assert (client.usage.asked, client.usage.answered) == (4, 3)
    assert (client.usage.in_flight, client.usage.waiting) == (0, 0)
    with cache.open() as answers:
        assert len(answers) == 3


@pytest.mark.parametrize("fault", ["500", "503", "422", "drop", "too_long", "empty"])
def test_where_priming_fails_the_requests_go_out_all_the_same(
    server: ChatServer, cache: RequestCache, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr("builders.inference.asking.endpoint.MAX_REST_S", 0.05)
    sglang_like(server)
    server.faults["f1"] = [fault]
    client = asking(server, cache=cache)
    names = ["f1", "f2", "f3"]
    assert texts(client.ask([request(name) for name in names], ["f"] * 3)) == ["F1", "F2", "F3"]


def test_a_call_that_is_given_up_while_its_prefix_is_computed_holds_nobody_up(
    server: ChatServer, cache: RequestCache
) -> None:
    sglang_like(server)
    server.reply = gate = Gate("f1")
    client = asking(server, cache=cache)

    def failing(index: int, answers: list[Any]) -> None:
        raise RuntimeError("no more of this")

    first = aside(client.chains, [request("f1"), request("f2"), request("own")], failing, ["f", "f", ""])
    with pytest.raises(RuntimeError, match="no more"):
        first.result(WAIT_S)
    gate.opened.set()
    assert texts(client.ask([request("f3"), request("f4")], ["f", "f"])) == ["F3", "F4"]
