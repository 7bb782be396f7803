"""One caller of a client: order, cached answers, API keys, Ctrl+C and kills."""

import asyncio
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
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
from tests import ROOT
from tests.doubles.chat_server import ChatServer, request, texts


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
    again = Client(client.servers, client.cache)
    second = again.ask([request("b"), request("c"), request("a")])
    assert texts(second) == ["B", "C", "A"]
    assert [answer.from_cache for answer in second if isinstance(answer, Answer)] == [True, False, True]
    assert server.asked == {"a": 1, "b": 1, "c": 1}
    assert (again.usage.asked, again.usage.from_cache) == (1, 2)
    assert first[1].reasoning == second[0].reasoning  # type: ignore[union-attr]  # both are answers


def test_equal_requests_are_sent_once_and_other_options_are_other_requests(
    client: Client, server: ChatServer
) -> None:
    ended: list[int] = []
    outcomes = client.chains(
        [request("a"), request("a"), request("a", seed=1)], lambda *_: None, on_end=ended.append
    )
    assert texts([outcome for (outcome,) in outcomes]) == ["A", "A", "A"]
    assert server.asked == {"a": 2}
    assert ended == [1, 1, 1]


def test_the_identity_decides_not_the_address(server: ChatServer, cache: RequestCache) -> None:
    at = f"{server.address}/v1"
    Client(Server(at, "tiny", "weights-1"), cache).ask([request("a")])
    Client(Server("http://127.0.0.1:9/v1", "alias", "weights-1"), cache).ask([request("a")])
    Client(Server(at, "tiny", "weights-2"), cache).ask([request("a")])
    assert server.asked == {"a": 2}


def test_the_answer_is_the_one_that_the_cache_keeps(
    client: Client, server: ChatServer, cache: RequestCache
) -> None:
    key, first = request_key(request("a"), client.identity), Answer("first", "", "stop", 1, 2, 0)

    def another_is_faster(body: dict[str, Any]) -> tuple[str, str]:
        with cache.open() as answers:
            answers.put(key, first)
        return "second", "stop"

    server.reply = another_is_faster
    assert texts(client.ask([request("a")])) == ["first"]
    assert texts(client.ask([request("a")])) == ["first"]
    assert client.usage.completion_tokens == 3  # those of the second answer, which was paid for too


def test_an_error_of_what_follows_is_its_own(client: Client) -> None:
    def broken(index: int, answers: list[Answer]) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    with pytest.raises(BrokenPipeError):
        client.chains([request("a")], broken)
    assert texts(client.ask([request("a")])) == ["A"]


def test_concurrency_is_bounded_and_used(server: ChatServer, cache: RequestCache) -> None:
    server.delay_s = 0.03
    Client(connect(server.address), cache, concurrency=5).ask([request(str(i)) for i in range(40)])
    assert server.n_in_flight_most == 5


def test_a_client_works_inside_a_running_event_loop(client: Client) -> None:
    async def in_a_notebook() -> list[Answer | Refusal]:
        return client.ask([request("a")])

    assert texts(asyncio.run(in_a_notebook())) == ["A"]


def test_a_pickled_client_asks_from_another_process(client: Client, server: ChatServer) -> None:
    client.ask([request("a")])
    copy: Client = pickle.loads(pickle.dumps(client))
    assert (copy.concurrency, copy.usage.asked) == (client.concurrency, 0)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        outcomes = pool.map(copy.ask, [[request("a"), request("b")], [request("c")]])
    assert [texts(answers) for answers in outcomes] == [["A", "B"], ["C"]]
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
    connected = connect(server.address)
    client = Client(connected, cache)
    outcomes = client.ask([request("a"), request("b")])
    assert texts(outcomes) == ["A", "rejected"]
    printed = f"{outcomes} {connected} {Server('u', 'm', 'i', secret)!r} {caplog.text}".encode()
    assert secret.encode() not in printed + pickle.dumps(client)
    for file in cache.path.parent.iterdir():
        assert secret.encode() not in file.read_bytes()


def test_a_key_that_comes_back_is_not_repeated(server: ChatServer, cache: RequestCache) -> None:
    server.faults["a"] = ["babble"] * 9
    connected = connect(server.address, api_key="sk-secret")
    with pytest.raises(Unanswered) as caught:
        Client(connected, cache, patience_s=0.1).ask([request("a")])
    assert "sk-secret" not in str(caught.value)


def test_a_key_that_no_header_can_carry_is_refused(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    client.ask([request("a")])
    monkeypatch.setenv("CODEIO_API_KEY", "sk-sec\nret")
    assert texts(client.ask([request("a")])) == ["A"]  # a cached answer needs no key
    with pytest.raises(KeyRefused) as caught:
        client.ask([request("b")])
    assert "sk-sec" not in str(caught.value)


def test_interrupting_does_not_wait_for_requests_in_flight(server: ChatServer, cache: RequestCache) -> None:
    server.delay_s = 5
    connected = connect(server.address)
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        Client(connected, cache).ask([request("a")])
    assert time.monotonic() - started < 3


def test_a_killed_run_loses_only_what_was_in_flight(server: ChatServer, cache: RequestCache) -> None:
    server.delay_s = 0.05
    program = (
        "import sys; from builders.inference import *; from tests.doubles.chat_server import request; "
        "Client(connect(sys.argv[1]), RequestCache(sys.argv[2]), concurrency=3)"
        ".ask([request(f'row {i}') for i in range(60)])"
    )
    run = subprocess.Popen([sys.executable, "-c", program, server.address, str(cache.path)], cwd=ROOT)
    while sum(server.answered.values()) < 20 and run.poll() is None:
        time.sleep(0.01)
    run.kill()
    assert run.wait() == -signal.SIGKILL
    time.sleep(0.2)  # until the server has finished what it was sent
    before = server.asked.copy()
    assert 20 <= sum(before.values()) < 60
    client = Client(connect(server.address), cache)
    outcomes = client.ask([request(f"row {i}") for i in range(60)])
    assert texts(outcomes) == [f"ROW {i}" for i in range(60)]
    asked_twice = [name for name in before if server.asked[name] > 1]
    assert len(asked_twice) <= 3
    assert client.usage.from_cache == sum(before.values()) - len(asked_twice)
