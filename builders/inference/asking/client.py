"""Asks a model many things at once and loses nothing.

In: chat-completion bodies without "model". Out: for each, in order, an `Answer` or a `Refusal`. Every outcome
is in the request cache the moment it arrives, and what is there is not asked again. The calls are synchronous
and may come from several threads: one loop, in a thread of its own, serves them all, so that the servers stay
full while a caller waits for its last answers. It works in a batched map, in a worker process, in a notebook.
"""

import asyncio
import os
import threading
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from typing import Any

from builders.inference.answers import Answer
from builders.inference.asking.chains import Ask
from builders.inference.asking.dispatch import Dispatcher
from builders.inference.asking.endpoint import Endpoint
from builders.inference.asking.requests import Outcome, Payload, Then
from builders.inference.cache import RequestCache, request_key
from builders.inference.servers.server import Server
from builders.inference.transport import Transport
from builders.inference.usage import Usage
from builders.options import Asking


class Client:
    """Servers of one model, a request cache, and how to ask.

    `concurrency`: most requests in flight at each server; what it bears is found out. `timeout_s`: for each
    try. `patience_s`: how long to wait where all servers are gone. `options`: what every payload gets besides
    its own, such as `chat_template_kwargs`; a part of each request's identity. `usage` counts since creation;
    a pickled copy begins at zero.
    """

    def __init__(
        self,
        servers: Server | Sequence[Server],
        cache: RequestCache,
        concurrency: int = Asking.concurrency,
        timeout_s: float = Asking.timeout_s,
        patience_s: float = Asking.patience_s,
        options: Payload | None = None,
    ):
        self.servers = [servers] if isinstance(servers, Server) else list(servers)
        self.cache = cache
        self.concurrency = concurrency
        self.timeout_s = timeout_s
        self.patience_s = patience_s
        self.options = options or {}
        self.usage = Usage()
        self._engine: _Engine | None = None
        self._is_closed = False
        self._starting = threading.Lock()

    def __reduce__(self) -> tuple[type["Client"], tuple[Any, ...]]:
        fields = (self.cache, self.concurrency, self.timeout_s, self.patience_s, self.options)
        return Client, (self.servers, *fields)

    @property
    def identity(self) -> str:
        """Who answers, by weights."""
        return self.servers[0].identity

    def deciding(self) -> dict[str, Any]:
        """What decides an outcome besides the payload: the model, the options, and refusals forgotten."""
        with self.cache.open() as cache:
            return {"model": self.identity, "options": self.options, "retries": cache.generation()}

    def whole(self, payload: Payload) -> Payload:
        """What is asked for a payload: with the client's options; raises ValueError if it names a model."""
        if "model" in payload:
            raise ValueError("a payload names no model: the client adds the server's")
        return {**payload, **self.options}

    def ask(self, payloads: Sequence[Payload], groups: Sequence[str] | None = None) -> list[Outcome]:
        """The outcome of each payload, in order; equal payloads are sent once and share their answer.

        `groups`: which payloads share a long prefix, and are best kept together. Raises Unanswered when
        requests stay open after all others were seen to, CacheUnusable when answers cannot be kept,
        ValueError for a payload that is not JSON or names a model.
        """
        return [outcomes[-1] for outcomes in self.chains(payloads, _nothing, groups)]

    def chains(
        self,
        payloads: Sequence[Payload],
        then: Then,
        groups: Sequence[str] | None = None,
        on_end: Callable[[int], None] | None = None,
    ) -> list[list[Outcome]]:
        """As `ask`, but each answer may call for another request: all outcomes of each payload, in order.

        `then` is called in the client's own thread with the payload's index and the answers so far, and
        returns the next payload or None. `on_end` is called there with 1 for each payload that is done with.
        """
        whole = [self.whole(payload) for payload in payloads]
        keyed = [(request_key(payload, self.identity), payload) for payload in whole]

        def following(index: int, answers: list[Answer]) -> Payload | None:
            payload = then(index, answers)
            return payload if payload is None else self.whole(payload)

        return self._running().run(keyed, groups or [""] * len(keyed), following, on_end)

    def close(self) -> None:
        """End the loop and its connections for good; calls under way and later ones raise CancelledError."""
        with self._starting:
            self._is_closed = True
            if self._engine:
                self._engine.stop()
                self._engine = None

    def _running(self) -> "_Engine":
        with self._starting:
            if self._is_closed:
                raise CancelledError("the client is closed")
            if self._engine is None or self._engine.process != os.getpid():  # a fork has no threads
                self._engine = _Engine(self)
                weakref.finalize(self, self._engine.stop)
            return self._engine


class _Engine:
    """The loop of a client and the thread that it runs in."""

    def __init__(self, client: Client) -> None:
        self.process = os.getpid()
        self._servers, self._cache, self._usage = client.servers, client.cache, client.usage
        self._limits = client.concurrency, client.timeout_s
        self._patience_s = client.patience_s
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        started: Future[Dispatcher] = Future()
        self._thread = threading.Thread(
            target=self._run, args=(started,), name="codeio-inference", daemon=True
        )
        self._thread.start()
        self._dispatcher = started.result()

    def run(
        self,
        payloads: Sequence[tuple[str, Payload]],
        groups: Sequence[str],
        then: Then,
        on_end: Callable[[int], None] | None,
    ) -> list[list[Outcome]]:
        """From any thread: all outcomes of all payloads."""

        async def seen_to() -> list[list[Outcome]]:
            ask = Ask(payloads, groups, then, on_end)
            await self._dispatcher.see_to(ask)
            outcomes = [chain.outcomes for chain in ask.chains]
            ask.chains.clear()  # they know their ask: the garbage collector would come late for so much text
            return outcomes

        future = asyncio.run_coroutine_threadsafe(seen_to(), self._loop)
        try:
            return future.result()
        except BaseException:  # Ctrl+C: do not wait for the requests in flight
            future.cancel()
            raise

    def stop(self) -> None:
        """End the loop and wait for its thread, unless called in it (a client may be collected there)."""
        if self.process != os.getpid():
            return
        with suppress(RuntimeError):  # it has ended
            self._loop.call_soon_threadsafe(self._over.set)
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self, started: "Future[Dispatcher]") -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            try:
                runner.run(self._serve(started))
            except BaseException as error:
                if started.done():
                    raise
                started.set_exception(error)

    async def _serve(self, started: "Future[Dispatcher]") -> None:
        with self._cache.open() as cache:
            async with Transport() as transport:
                endpoints = [Endpoint(server, transport, *self._limits) for server in self._servers]
                dispatcher = Dispatcher(endpoints, cache, self._usage, self._patience_s)
                started.set_result(dispatcher)
                await self._over.wait()
                await dispatcher.stop()


def _nothing(index: int, answers: list[Answer]) -> None:
    """Nothing follows."""
