"""Several callers of one client, some of them interrupted; closing; and a cache that clients share."""

import gc
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from builders.inference import Answer, CacheUnusable, Client, RequestCache
from tests.builders.inference.calls import WAIT_S, Gate, client_of, client_threads, in_thread, wait_until
from tests.builders.inference.small_disk import on_a_small_disk
from tests.doubles.chat_server import ChatServer, request, texts

pytestmark = pytest.mark.usefixtures("short_pauses")


def test_what_two_threads_ask_at_once_is_sent_once(server: ChatServer, cache: RequestCache) -> None:
    server.reply = gate = Gate("same", "same too")
    client = client_of(server, cache=cache)
    first = in_thread(client.ask, [request("same"), request("same too")])
    wait_until(lambda: gate.n_held == 2)
    second = in_thread(client.ask, [request("same too"), request("same"), request("own")])
    wait_until(lambda: server.answered["own"])  # so the second call has queued all its requests
    gate.opened.set()
    assert texts(first.result(WAIT_S)) == ["SAME", "SAME TOO"]
    assert texts(second.result(WAIT_S)) == ["SAME TOO", "SAME", "OWN"]
    assert server.asked == {"same": 1, "same too": 1, "own": 1}
    assert (client.usage.in_flight, client.usage.waiting) == (0, 0)


def ask_until_interrupted(client: Client, payloads: list[dict[str, Any]], when: Callable[[], object]) -> None:
    """Ask in the main thread, and press Ctrl+C when a condition holds."""

    def interrupt() -> None:
        wait_until(when)
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
    client = client_of(server, cache=cache)
    others: list[Future[Any]] = []

    def joined_by_another() -> bool:
        if gate.n_held and not others:
            others.append(in_thread(client.ask, [request("same"), request("own")]))
        return bool(server.answered["own"])

    ask_until_interrupted(client, [request("same")], when=joined_by_another)
    gate.opened.set()
    assert texts(others[0].result(WAIT_S)) == ["SAME", "OWN"]
    assert server.asked == {"same": 1, "own": 1}


def test_an_interrupted_call_takes_nothing_from_those_who_came_first(
    server: ChatServer, cache: RequestCache
) -> None:
    server.reply = gate = Gate("same")
    client = client_of(server, cache=cache)
    first = in_thread(client.ask, [request("same")])
    wait_until(lambda: gate.n_held)
    ask_until_interrupted(client, [request("same"), request("own")], when=lambda: server.answered["own"])
    gate.opened.set()
    assert texts(first.result(WAIT_S)) == ["SAME"]
    assert server.asked == {"same": 1, "own": 1}


def test_an_interrupted_call_is_not_asked_to_its_end(server: ChatServer, cache: RequestCache) -> None:
    server.reply = gate = Gate()
    client = client_of(server, cache=cache)
    payloads = [request(f"row {i}") for i in range(50)]
    ask_until_interrupted(client, payloads, when=lambda: gate.n_held == 4)
    gate.opened.set()
    wait_until(lambda: client.usage.in_flight == 0)
    assert texts(client.ask([request("other")])) == ["OTHER"]
    assert set(server.asked) <= {f"row {i}" for i in range(4)} | {"other"}
    assert client.usage.waiting == 0
    assert texts(client.ask(payloads)) == [f"ROW {i}" for i in range(50)]


def test_a_call_interrupted_while_it_begins_leaves_nothing_to_wait_for(
    server: ChatServer, cache: RequestCache
) -> None:
    client = client_of(server, cache=cache)
    client.ask([request("known")])
    payloads = [request("known"), *(request(f"row {i}") for i in range(200))]
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):  # it comes while the loop goes through cached answers
        client.chains(payloads, lambda *_: time.sleep(1))
    timer.join()
    assert texts(in_thread(client.ask, [request("row 5")]).result(5)) == ["ROW 5"]


def test_closing_ends_calls_and_keeps_what_came(server: ChatServer, cache: RequestCache) -> None:
    server.reply = gate = Gate("slow")
    before = client_threads()
    client = client_of(server, cache=cache)
    call = in_thread(client.ask, [request("a"), request("slow")])
    wait_until(lambda: gate.n_held and client.usage.answered)
    client.close()
    with pytest.raises(CancelledError):
        call.result(WAIT_S)
    gate.opened.set()
    assert client_threads() <= before
    client.close()
    with pytest.raises(CancelledError):
        client.ask([request("a")])
    assert texts(client_of(server, cache=cache).ask([request("a"), request("slow")])) == ["A", "SLOW"]
    assert server.asked == {"a": 1, "slow": 2}


def test_closing_while_servers_are_gone_ends_calls(server: ChatServer, cache: RequestCache) -> None:
    client = client_of(server, cache=cache, patience_s=600)
    server.die()
    call = in_thread(client.ask, [request("a")])
    wait_until(lambda: client.usage.failures["unreachable"])
    client.close()
    with pytest.raises(CancelledError):
        call.result(WAIT_S)
    server.start()  # for its fixture


def test_a_client_closed_in_its_own_thread_ends_it(server: ChatServer, cache: RequestCache) -> None:
    """The garbage collector may also close a client there."""
    server.reply = gate = Gate("b")
    before = client_threads()
    client = client_of(server, cache=cache)
    call = in_thread(client.chains, [request("a"), request("b")], lambda *_: client.close())
    with pytest.raises(CancelledError):
        call.result(WAIT_S)
    wait_until(lambda: client_threads() <= before)
    gate.opened.set()


def test_a_client_without_references_ends_its_thread(server: ChatServer, cache: RequestCache) -> None:
    before = client_threads()
    for i in range(3):
        client_of(server, cache=cache).ask([request(str(i))])
    gc.collect()
    assert client_threads() <= before


def test_what_was_asked_is_in_the_cache_when_the_call_returns(
    server: ChatServer, cache: RequestCache
) -> None:
    client = client_of(server, cache=cache)
    for n in range(1, 20):
        client.ask([request(f"row {n}")])
        with cache.open() as answers:
            assert len(answers) == n


def test_a_cache_that_cannot_look_up_what_follows_fails_the_call(
    server: ChatServer, cache: RequestCache
) -> None:
    client = client_of(server, cache=cache)

    def then(index: int, answers: list[Answer]) -> dict[str, Any] | None:
        loop_thread: Any = client._loop_thread  # simulates a disk that fails during the call
        loop_thread._dispatcher._waiting._cache._connection.execute("ALTER TABLE answers RENAME TO lost")
        return request("b")

    call = in_thread(client.chains, [request("a")], then)
    with pytest.raises(CacheUnusable):
        call.result(WAIT_S)


def test_an_answer_that_a_full_disk_does_not_take_is_not_returned(tmp_path: Path) -> None:
    program = """
import sys
from builders.inference import CacheUnusable, Client, RequestCache, connect
from tests.doubles.chat_server import ChatServer, request
n_returned, cache = 0, RequestCache(sys.argv[1] + "/requests.sqlite")
with ChatServer() as server:
    server.reply = lambda body: ("x" * 5000, "stop")
    client = Client(connect(server.address), cache)
    for i in range(100):
        try:
            client.ask([request(f"row {i}")])
            n_returned += 1
        except CacheUnusable as error:
            assert "The disk is full" in str(error), error
with cache.open() as answers:
    assert 5 < len(answers) == n_returned < 100, (len(answers), n_returned)
print("all held")
"""
    on_a_small_disk(program, tmp_path, "400k")


def test_two_clients_share_a_cache(cache: RequestCache) -> None:
    with ExitStack() as stack:
        servers = [stack.enter_context(ChatServer()) for _ in range(4)]
        names = [f"row {i}" for i in range(100)]
        calls = [
            in_thread(client_of(server, cache=cache).ask, [request(name) for name in names])
            for server in servers
        ]
        for call in calls:
            assert texts(call.result(WAIT_S)) == [name.upper() for name in names]
    with cache.open() as answers:
        assert len(answers) == 100
