"""Clients of test servers, calls in threads of their own, and what was asked of whom."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from builders.inference import Client, RequestCache, connect
from tests.doubles.chat_server import ChatServer, request

WAIT_S = 20


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


def under_way(client: Client, names: list[str], server: ChatServer) -> "Future[Any]":
    """A call about these, of which the server has answered some."""
    outcomes = aside(client.ask, [request(name) for name in names])
    until(lambda: sum(server.answered.values()) >= 12)
    return outcomes


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
