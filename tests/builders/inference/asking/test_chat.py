"""Requests that fail: they are tried again, stay open, or become a refusal with its reason."""

import time

import pytest

from builders.inference import Client, Refusal, RequestCache, Unanswered, connect
from tests.doubles.chat_server import TOO_LONG, ChatServer, request, texts


@pytest.mark.usefixtures("short_pauses")
@pytest.mark.parametrize(
    "fault", ["500", "503", "drop", "break", "cut", "empty", "null", "deep", "abort", "408", "409"]
)
def test_a_transient_failure_is_tried_again(client: Client, server: ChatServer, fault: str) -> None:
    server.faults["a"] = [fault]
    assert texts(client.ask([request("a"), request("b")])) == ["A", "B"]
    assert server.asked == {"a": 2, "b": 1}
    assert server.answered == {"a": 1, "b": 1}


def test_a_hanging_request_is_given_up_and_tried_again(server: ChatServer, cache: RequestCache) -> None:
    server.faults["a"] = ["hang"]
    client = Client(connect(server.address), cache, timeout_s=0.5)
    assert texts(client.ask([request("a"), request("b")])) == ["A", "B"]
    assert server.asked["a"] == 2


def test_retry_after_is_honoured(client: Client, server: ChatServer) -> None:
    server.faults["a"] = ["429"]
    client.ask([request("a")])
    first, second = server.times["a"]
    assert second - first >= 2


def test_a_permanent_refusal_is_a_row_with_its_reason(client: Client, server: ChatServer) -> None:
    server.faults["long"] = ["too_long"]
    server.faults["bad"] = ["422"]
    outcomes = client.ask([request("long"), request("fine"), request("bad")])
    assert texts(outcomes) == ["context_too_long", "FINE", "rejected"]
    assert outcomes[0] == Refusal("context_too_long", f"HTTP 400: {TOO_LONG}")
    assert outcomes[2] == Refusal("rejected", "HTTP 422: fault 422")
    assert set(server.asked.values()) == {1}


@pytest.mark.usefixtures("short_pauses")
def test_unanswered_requests_are_reported_and_only_they_are_sent_next_time(
    server: ChatServer, cache: RequestCache
) -> None:
    server.faults["b"] = ["500"] * 9
    client = Client(connect(server.address), cache, patience_s=1)
    with pytest.raises(Unanswered) as caught:
        client.ask([request("a"), request("b"), request("c"), request("b")])
    assert (caught.value.n_open, caught.value.n_answered) == (2, 2)
    assert "HTTP 500: fault 500" in caught.value.reason
    server.faults.clear()
    server.asked.clear()
    assert texts(client.ask([request(name) for name in "abc"])) == ["A", "B", "C"]
    assert server.asked == {"b": 1}


def test_a_dead_server_costs_seconds_not_minutes(server: ChatServer, cache: RequestCache) -> None:
    connected = connect(server.address)
    server.__exit__(None, None, None)
    started = time.monotonic()
    with pytest.raises(Unanswered, match="cannot be reached") as caught:
        Client(connected, cache, patience_s=2).ask([request(str(i)) for i in range(1000)])
    assert time.monotonic() - started < 10
    assert caught.value.n_open == 1000


def test_a_server_that_fails_for_every_request_is_sent_few(server: ChatServer, cache: RequestCache) -> None:
    server.always = "500"
    with pytest.raises(Unanswered):
        Client(connect(server.address), cache, concurrency=4, patience_s=1).ask(
            [request(str(i)) for i in range(100)]
        )
    assert len(server.asked) <= 40  # once it was down, it is tried with one request at a time


@pytest.mark.usefixtures("short_pauses")
@pytest.mark.parametrize("where", ["first", "last", "both"])
def test_requests_that_always_fail_do_not_hold_up_the_others(
    server: ChatServer, cache: RequestCache, where: str
) -> None:
    bad, more = [f"bad {i}" for i in range(20)], [f"bad too {i}" for i in range(4)]
    for text in bad + more:
        server.faults[text] = ["500"] * 9
    good = [f"good {i}" for i in range(30)]
    ordered = {"first": bad + good, "last": good + bad, "both": bad + good + more}[where]
    with pytest.raises(Unanswered, match="HTTP 500") as caught:
        Client(connect(server.address), cache, concurrency=1, patience_s=0.1).ask(
            [request(text) for text in ordered]
        )
    assert caught.value.n_answered == 30


@pytest.mark.parametrize("status", ["401", "402", "403", "404"])
def test_a_server_that_refuses_everything_leaves_rows_unanswered(
    client: Client, server: ChatServer, status: str
) -> None:
    server.always = status
    with pytest.raises(Unanswered, match=f"fault {status}"):
        client.ask([request(str(i)) for i in range(100)])
    assert sum(server.asked.values()) <= client.concurrency


def test_a_forbidden_request_among_answered_ones_is_a_row_with_its_reason(
    server: ChatServer, cache: RequestCache
) -> None:
    server.faults["b"] = ["403"]
    outcomes = Client(connect(server.address), cache, concurrency=1).ask([request("a"), request("b")])
    assert outcomes[1] == Refusal("rejected", "HTTP 403: fault 403")


def test_a_refusal_nested_too_deep_is_reported_as_text(client: Client, server: ChatServer) -> None:
    server.faults["a"] = ["deep_refusal"]
    assert client.ask([request("a")]) == [Refusal("rejected", f"HTTP 400: {'[' * 500}")]
