import asyncio
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from builders.inference import (
    Answer,
    Client,
    InferenceError,
    KeyRefused,
    Refusal,
    RequestCache,
    Server,
    Unanswered,
    connect,
)
from builders.inference.cache import request_key
from tests.inference.chat_server import TOO_LONG, ChatServer

ROOT = Path(__file__).parents[2]


def request(text: str, **options: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], "temperature": 0, **options}


def texts(outcomes: list[Answer | Refusal]) -> list[str]:
    return [outcome.text if isinstance(outcome, Answer) else outcome.reason for outcome in outcomes]


def test_answers_come_in_order_each_request_sent_once(client: Client, server: ChatServer) -> None:
    names = [f"row {i}" for i in range(50)]
    assert texts(client.ask([request(name) for name in names])) == [name.upper() for name in names]
    assert set(server.asked.values()) == {1}
    assert client.usage.asked == 50
    assert client.usage.prompt_tokens == 500
    assert client.usage.completion_tokens == 150
    assert client.usage.cached_tokens == 200


def test_an_answer_keeps_what_the_tables_need(client: Client, server: ChatServer) -> None:
    (answer,) = client.ask([request("hello")])
    assert answer == Answer("HELLO", "thinking of hello", "stop", 10, 3, 4, from_cache=False)
    assert server.bodies[0]["model"] == "tiny"


def test_what_is_cached_is_not_asked_again(client: Client, server: ChatServer) -> None:
    first = client.ask([request("a"), request("b")])
    again = Client(client.server, client.cache)
    second = again.ask([request("b"), request("c"), request("a")])
    assert texts(second) == ["B", "C", "A"]
    assert [answer.from_cache for answer in second if isinstance(answer, Answer)] == [True, False, True]
    assert server.asked == {"a": 1, "b": 1, "c": 1}
    assert (again.usage.asked, again.usage.from_cache) == (1, 2)
    assert first[1].reasoning == second[0].reasoning  # type: ignore[union-attr]  # both are answers


def test_equal_requests_are_sent_once_and_other_options_are_other_requests(
    client: Client, server: ChatServer
) -> None:
    heard: list[Answer] = []
    outcomes = client.ask([request("a"), request("a"), request("a", seed=1)], heard.append)
    assert texts(outcomes) == ["A", "A", "A"]
    assert server.asked == {"a": 2}
    assert len(heard) == 3


def test_the_identity_decides_not_the_address(server: ChatServer, cache: RequestCache) -> None:
    at = f"{server.address}/v1"
    Client(Server(at, "tiny", "weights-1"), cache).ask([request("a")])
    Client(Server("http://127.0.0.1:9/v1", "alias", "weights-1"), cache).ask([request("a")])
    Client(Server(at, "tiny", "weights-2"), cache).ask([request("a")])
    assert server.asked == {"a": 2}


@pytest.mark.parametrize(
    "fault", ["500", "503", "drop", "break", "cut", "empty", "null", "deep", "abort", "408", "409"]
)
def test_a_passing_failure_is_tried_again(client: Client, server: ChatServer, fault: str) -> None:
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


def test_a_lasting_refusal_is_a_row_with_its_reason(client: Client, server: ChatServer) -> None:
    server.faults["long"] = ["too_long"]
    server.faults["bad"] = ["422"]
    outcomes = client.ask([request("long"), request("fine"), request("bad")])
    assert texts(outcomes) == ["context_too_long", "FINE", "rejected"]
    assert outcomes[0] == Refusal("context_too_long", f"HTTP 400: {TOO_LONG}")
    assert outcomes[2] == Refusal("rejected", "HTTP 422: fault 422")
    assert set(server.asked.values()) == {1}


def test_what_stays_open_is_told_and_asked_alone_next_time(server: ChatServer, cache: RequestCache) -> None:
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
    found = connect(server.address)
    server.__exit__(None, None, None)
    started = time.monotonic()
    with pytest.raises(Unanswered, match="cannot be reached") as caught:
        Client(found, cache, patience_s=2).ask([request(str(i)) for i in range(1000)])
    assert time.monotonic() - started < 10
    assert caught.value.n_open == 1000


def test_a_server_that_fails_for_everyone_is_left_alone(server: ChatServer, cache: RequestCache) -> None:
    server.always = "500"
    with pytest.raises(Unanswered):
        Client(connect(server.address), cache, concurrency=4, patience_s=1).ask(
            [request(str(i)) for i in range(100)]
        )
    assert len(server.asked) <= 12


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
def test_a_refusal_of_everyone_leaves_rows_open(client: Client, server: ChatServer, status: str) -> None:
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


def test_a_refusal_nested_too_deep_is_told_as_it_is(client: Client, server: ChatServer) -> None:
    server.faults["a"] = ["deep_refusal"]
    assert client.ask([request("a")]) == [Refusal("rejected", f"HTTP 400: {'[' * 500}")]


def test_the_answer_is_the_one_that_the_cache_keeps(
    client: Client, server: ChatServer, cache: RequestCache
) -> None:
    key, first = request_key(request("a"), client.server.identity), Answer("first", "", "stop", 1, 2, 0)

    def another_is_faster(body: dict[str, Any]) -> tuple[str, str]:
        with cache.open() as answers:
            answers.put(key, first)
        return "second", "stop"

    server.reply = another_is_faster
    assert texts(client.ask([request("a")])) == ["first"]
    assert texts(client.ask([request("a")])) == ["first"]
    assert client.usage.completion_tokens == 3  # of the answer that was paid for


def test_an_error_of_the_listener_is_its_own(client: Client) -> None:
    def broken(answer: Answer) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    with pytest.raises(BrokenPipeError):
        client.ask([request("a")], broken)


def test_concurrency_is_bounded_and_used(server: ChatServer, cache: RequestCache) -> None:
    server.delay_s = 0.03
    Client(connect(server.address), cache, concurrency=5).ask([request(str(i)) for i in range(40)])
    assert server.n_in_flight_most == 5


def test_works_where_a_loop_is_running(client: Client) -> None:
    async def in_a_notebook() -> list[Answer | Refusal]:
        return client.ask([request("a")])

    assert texts(asyncio.run(in_a_notebook())) == ["A"]


def test_a_pickled_client_asks_from_another_process(client: Client, server: ChatServer) -> None:
    client.ask([request("a")])
    copy: Client = pickle.loads(pickle.dumps(client))
    assert (copy.concurrency, copy.usage.asked) == (client.concurrency, 0)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        outcomes = pool.map(copy.ask, [[request("a"), request("b")], [request("c")]])
    assert [texts(some) for some in outcomes] == [["A", "B"], ["C"]]
    assert server.asked == {"a": 1, "b": 1, "c": 1}


def test_unanswered_crosses_processes() -> None:
    error: Unanswered = pickle.loads(pickle.dumps(Unanswered(3, "HTTP 500", 4)))
    assert isinstance(error, InferenceError)
    assert (error.n_open, error.reason, error.n_answered) == (3, "HTTP 500", 4)
    assert "3 requests got no answer" in str(error)


def test_half_a_surrogate_pair_breaks_nothing(client: Client) -> None:
    (answer,) = client.ask([request("x \ud800 y")])
    assert isinstance(answer, Answer)
    assert answer.text == "X \ufffd Y"


def test_a_payload_may_not_name_a_model(client: Client) -> None:
    with pytest.raises(ValueError, match="model"):
        client.ask([request("a", model="other")])


def test_keys_go_to_the_server_and_nowhere_else(
    server: ChatServer, cache: RequestCache, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    secret = "sk-do-not-tell-anyone"
    monkeypatch.setenv("CODEIO_API_KEY", secret)
    server.key = secret
    server.faults["b"] = ["echo_key"]
    caplog.set_level("DEBUG")
    found = connect(server.address)
    client = Client(found, cache)
    outcomes = client.ask([request("a"), request("b")])
    assert texts(outcomes) == ["A", "rejected"]
    told = f"{outcomes} {found} {Server('u', 'm', 'i', secret)!r} {caplog.text}".encode()
    assert secret.encode() not in told + pickle.dumps(client)
    for file in cache.path.parent.iterdir():
        assert secret.encode() not in file.read_bytes()


def test_a_key_that_comes_back_is_not_repeated(server: ChatServer, cache: RequestCache) -> None:
    server.faults["a"] = ["babble"] * 9
    found = connect(server.address, api_key="sk-secret")
    with pytest.raises(Unanswered, match=r"Bearer \*\*\*") as caught:
        Client(found, cache, patience_s=0.1).ask([request("a")])
    assert "sk-secret" not in str(caught.value)


def test_a_key_that_no_header_can_carry_is_refused(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    client.ask([request("a")])
    monkeypatch.setenv("CODEIO_API_KEY", "sk-sec\nret")
    assert texts(client.ask([request("a")])) == ["A"]  # no key is needed for what is known
    with pytest.raises(KeyRefused) as caught:
        client.ask([request("b")])
    assert "sk-sec" not in str(caught.value)


def test_interrupting_does_not_wait_for_requests_in_flight(server: ChatServer, cache: RequestCache) -> None:
    server.delay_s = 5
    found = connect(server.address)
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        Client(found, cache).ask([request("a")])
    assert time.monotonic() - started < 3


def test_a_killed_run_loses_only_what_was_in_flight(server: ChatServer, cache: RequestCache) -> None:
    server.delay_s = 0.05
    program = (
        "import sys; from builders.inference import *; from tests.inference.test_client import request; "
        "Client(connect(sys.argv[1]), RequestCache(sys.argv[2]), concurrency=3)"
        ".ask([request(f'row {i}') for i in range(60)])"
    )
    run = subprocess.Popen([sys.executable, "-c", program, server.address, str(cache.path)], cwd=ROOT)
    while sum(server.answered.values()) < 20 and run.poll() is None:
        time.sleep(0.01)
    run.kill()
    assert run.wait() == -signal.SIGKILL
    time.sleep(0.2)  # the server ends what it was sent
    before = server.asked.copy()
    assert 20 <= sum(before.values()) < 60
    client = Client(connect(server.address), cache)
    outcomes = client.ask([request(f"row {i}") for i in range(60)])
    assert texts(outcomes) == [f"ROW {i}" for i in range(60)]
    asked_twice = [name for name in before if server.asked[name] > 1]
    assert len(asked_twice) <= 3
    assert client.usage.from_cache == sum(before.values()) - len(asked_twice)
