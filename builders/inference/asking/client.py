"""The client: sends many requests at once to a model, and loses no answer.

In: chat-completion bodies without "model". Out: an `Answer` or a `Refusal` for each, in order. Every outcome
is stored in the request cache when it arrives, and a cached request is not sent again. Calls are synchronous
and may come from several threads. One event loop in its own thread serves them all, so that the servers stay
busy while a caller waits for its last answers. It works in a batched map, in a worker process, in a notebook.
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
from builders.options import RequestOptions


class Client:
    """A client of one model: its servers, a request cache, and limits.

    Args:
        servers: A server, or several that serve the same model.
        cache: The request cache that is read first and gets every outcome.
        concurrency: Maximum number of requests in flight at each server; fewer if that is as fast (`limit`).
        timeout_s: Seconds after which one try of a request is given up.
        patience_s: Seconds to wait while all servers are gone, before the open requests are given up.
        options: Fields that are added to every payload and override its own, such as `chat_template_kwargs`;
            they are part of each request's key.

    Attributes:
        usage: Counters since the client was created; a pickled copy starts at zero.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import mkdtemp
        >>> server = Server("http://127.0.0.1:30000/v1", model="qwen", identity="qwen2.5-coder")
        >>> client = Client(server, RequestCache(Path(mkdtemp()) / "requests.sqlite"))
        >>> payload = {"messages": [{"role": "user", "content": "1 + 1?"}], "seed": 0}
        >>> with client.cache.open() as cache:  # a cached answer needs no server
        ...     answer = cache.put(request_key(payload, client.identity), Answer("2", "", "stop", 12, 1, 0))
        >>> client.ask([payload, payload])[1].text
        '2'
        >>> client.usage.asked, client.usage.from_cache
        (0, 2)
        >>> client.close()
    """

    def __init__(
        self,
        servers: Server | Sequence[Server],
        cache: RequestCache,
        concurrency: int = RequestOptions.concurrency,
        timeout_s: float = RequestOptions.timeout_s,
        patience_s: float = RequestOptions.patience_s,
        options: Payload | None = None,
    ):
        self.servers = [servers] if isinstance(servers, Server) else list(servers)
        self.cache = cache
        self.concurrency = concurrency
        self.timeout_s = timeout_s
        self.patience_s = patience_s
        self.options = options or {}
        self.usage = Usage()
        self._loop_thread: _LoopThread | None = None
        self._is_closed = False
        self._starting = threading.Lock()

    def __reduce__(self) -> tuple[type["Client"], tuple[Any, ...]]:
        fields = (self.cache, self.concurrency, self.timeout_s, self.patience_s, self.options)
        return Client, (self.servers, *fields)

    @property
    def identity(self) -> str:
        """The model's identity, which names its weights."""
        return self.servers[0].identity

    def full_identity(self) -> dict[str, Any]:
        """Return what decides an outcome besides the payload, as JSON values.

        Returns:
            The model's identity, the options, and how many times refusals were forgotten (`retries`).

        Raises:
            CacheUnusable: The request cache cannot be read.
        """
        with self.cache.open() as cache:
            return {"model": self.identity, "options": self.options, "retries": cache.generation()}

    def with_options(self, payload: Payload) -> Payload:
        """Return a payload with the client's options: what is sent, and what the key is computed from.

        Raises:
            ValueError: The payload names a model.
        """
        if "model" in payload:
            raise ValueError("a payload must not name a model: the client adds the server's")
        return {**payload, **self.options}

    def ask(self, payloads: Sequence[Payload], groups: Sequence[str] | None = None) -> list[Outcome]:
        """Return the outcome of each payload; equal payloads are sent once and share their answer.

        Args:
            payloads: Bodies of chat completions, without "model".
            groups: A name for each payload. Payloads with the same name share a long prefix, so they are sent
                to one server, for its prefix cache. Without it, each goes to the server with the least to do.

        Returns:
            An `Answer` or a `Refusal` for each payload, in order.

        Raises:
            Unanswered: Some requests got no answer; it is raised after all others have their outcome.
            CacheUnusable: The request cache cannot be read or written.
            ValueError: A payload is not JSON or names a model.
        """
        return [outcomes[-1] for outcomes in self.chains(payloads, _no_follow_up, groups)]

    def chains(
        self,
        payloads: Sequence[Payload],
        then: Then,
        groups: Sequence[str] | None = None,
        on_end: Callable[[int], None] | None = None,
    ) -> list[list[Outcome]]:
        """Return all outcomes of each payload's chain: `then` may follow up each answer with another request.

        Args:
            payloads: Bodies of chat completions, without "model"; each begins a chain.
            then: Called after each answer with the payload's index and the chain's answers so far; it returns
                the next payload, or None at the end. It runs in the client's own thread.
            groups: As in `ask`; it holds for the whole chain.
            on_end: Called with 1 whenever a chain ends; it runs in the client's own thread.

        Returns:
            The outcomes of each payload's chain, in order; only the last one can be a `Refusal`.

        Raises:
            Unanswered: Some requests got no answer; it is raised after all other chains have ended.
            CacheUnusable: The request cache cannot be read or written.
            ValueError: A payload is not JSON or names a model.
            Exception: Whatever `then` or `on_end` raised.
        """
        complete = [self.with_options(payload) for payload in payloads]
        keyed = [(request_key(payload, self.identity), payload) for payload in complete]

        def complete_then(index: int, answers: list[Answer]) -> Payload | None:
            payload = then(index, answers)
            return payload if payload is None else self.with_options(payload)

        return self._running_loop().run(keyed, groups or [""] * len(keyed), complete_then, on_end)

    def close(self) -> None:
        """End the loop and its connections for good; running and later calls raise CancelledError."""
        with self._starting:
            self._is_closed = True
            if self._loop_thread:
                self._loop_thread.stop()
                self._loop_thread = None

    def _running_loop(self) -> "_LoopThread":
        """Return the event loop of this process with its thread; start it if there is none."""
        with self._starting:
            if self._is_closed:
                raise CancelledError("the client is closed")
            # A fork inherits no threads.
            if self._loop_thread is None or self._loop_thread.process != os.getpid():
                self._loop_thread = _LoopThread(self)
                weakref.finalize(self, self._loop_thread.stop)
            return self._loop_thread


class _LoopThread:
    """The event loop of a client, and the thread that it runs in."""

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
        """Return all outcomes of all payloads; may be called from any thread."""

        async def outcomes_of_chains() -> list[list[Outcome]]:
            ask = Ask(payloads, groups, then, on_end)
            await self._dispatcher.run(ask)
            outcomes = [chain.outcomes for chain in ask.chains]
            ask.chains.clear()  # chains refer back to their ask: the garbage collector would free them late
            return outcomes

        future = asyncio.run_coroutine_threadsafe(outcomes_of_chains(), self._loop)
        try:
            return future.result()
        except BaseException:  # Ctrl+C: do not wait for the requests in flight
            future.cancel()
            raise

    def stop(self) -> None:
        """End the loop and wait for its thread, except when called in it: a client may be collected there."""
        if self.process != os.getpid():
            return
        with suppress(RuntimeError):  # the loop has already ended
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


def _no_follow_up(index: int, answers: list[Answer]) -> None:
    """Return None: no request follows an answer."""
