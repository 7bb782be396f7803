"""Clients of test servers, calls in other threads, and what each server was asked."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from builders.inference import Client, RequestCache, connect
from tests.doubles.chat_server import ChatServer, request

WAIT_S = 20


def client_of(*servers: ChatServer, cache: RequestCache, **options: Any) -> Client:
    """Return a client of these servers, with a concurrency of 4 unless `options` set another."""
    options = {"concurrency": 4, "patience_s": WAIT_S, **options}
    return Client([connect(server.address) for server in servers], cache, **options)


def in_thread(function: Callable[..., Any], *arguments: Any) -> "Future[Any]":
    """Run a function in another thread; if it hangs, the tests still end."""
    future: Future[Any] = Future()

    def run() -> None:
        try:
            future.set_result(function(*arguments))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


def started_call(client: Client, names: list[str], server: ChatServer) -> "Future[Any]":
    """Start a call with a request for each name, and return it once the server has answered 12."""
    outcomes = in_thread(client.ask, [request(name) for name in names])
    wait_until(lambda: sum(server.answered.values()) >= 12)
    return outcomes


def client_threads() -> set[threading.Thread]:
    """Return the threads in which clients run their event loops."""
    return {thread for thread in threading.enumerate() if thread.name == "codeio-inference"}


def wait_until(holds: Callable[[], object]) -> None:
    """Wait until a condition holds; fail after `WAIT_S`."""
    deadline = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < deadline, "the condition never held"
        time.sleep(0.005)


def asked(*servers: ChatServer) -> Counter[str]:
    """Return how many times each text was sent to these servers."""
    return sum((server.asked for server in servers), Counter[str]())


def answered(*servers: ChatServer) -> Counter[str]:
    """Return how many times each text was answered by these servers."""
    return sum((server.answered for server in servers), Counter[str]())


def sent_texts(server: ChatServer) -> list[str]:
    """Return the texts that a server was sent, in order."""
    return [body["messages"][-1]["content"] for body in server.bodies]


def samples(text: str, seeds: range, temperature: float = 0.7) -> list[dict[str, Any]]:
    """Return the payloads of one question with different seeds."""
    messages = request(text)["messages"]
    return [{"messages": messages, "temperature": temperature, "seed": seed} for seed in seeds]


def by_seed(body: dict[str, Any]) -> tuple[str, str]:
    """Return a reply that repeats the text and the seed of a request."""
    return f"{body['messages'][-1]['content']} {body.get('seed')}", "stop"


class Gate:
    """A reply function that holds back the replies to some texts, or to all, until it is opened."""

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
