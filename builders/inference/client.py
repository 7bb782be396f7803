"""Asks a model many things at once and loses nothing.

In: chat-completion bodies without "model". Out: for each, in order, an `Answer` or a `Refusal`. Every answer
is in the request cache the moment it arrives, and what is there is not asked again. `ask` is synchronous and
brings its own event loop in its own thread: it works in a batched map, in a worker process, in a notebook.
Not covered: several servers at once, adapting the concurrency to the server.
"""

import asyncio
import json
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import httpx

from builders.inference.answers import Answer, Refusal, Usage
from builders.inference.cache import OpenCache, RequestCache, request_key
from builders.inference.chat import Closed, Line, Lost
from builders.inference.errors import Unanswered
from builders.inference.server import Server, certificates, on_this_machine

T = TypeVar("T")

# Servers close idle connections (llama.cpp after 5 s); ours are let go first, so none is reused half-closed.
KEEPALIVE_S = 2
CONNECT_TIMEOUT_S = 20
MIN_LOSSES = 8  # in a row, before a server is held to be broken; fewer may be the fault of the requests


class Client:
    """A server, a request cache, and how to ask: `concurrency` requests at a time, `timeout_s` for each try.

    A request that fails in passing is tried again (see `chat`), but no new try begins later than `patience_s`
    after the first. `usage` counts since creation; a pickled copy begins at zero.
    """

    def __init__(
        self,
        server: Server,
        cache: RequestCache,
        concurrency: int = 8,
        timeout_s: float = 600,
        patience_s: float = 900,
    ):
        self.server = server
        self.cache = cache
        self.concurrency = concurrency
        self.timeout_s = timeout_s
        self.patience_s = patience_s
        self.usage = Usage()

    def __reduce__(self) -> tuple[type["Client"], tuple[Any, ...]]:
        return Client, (self.server, self.cache, self.concurrency, self.timeout_s, self.patience_s)

    def ask(
        self, payloads: Sequence[dict[str, Any]], on_answer: Callable[[Answer], None] | None = None
    ) -> list[Answer | Refusal]:
        """The outcome of each payload, in order; equal payloads are sent once and share their answer.

        `on_answer` is called for each answered payload (from the cache too) in the client's own thread.
        Raises Unanswered when requests stay open after all others were seen to, CacheUnusable when answers
        cannot be kept, ValueError for a payload that is not JSON or names a model.
        """
        requests: dict[str, dict[str, Any]] = {}
        keys: list[str] = []
        for payload in payloads:
            if "model" in payload:
                raise ValueError("a payload names no model: the client adds the server's")
            keys.append(request_key(payload, self.server.identity))
            requests.setdefault(keys[-1], payload)
        batch = _Batch(self, requests, keys, on_answer or _ignore)
        _run_apart(batch.run())
        n_open = sum(key not in batch.outcomes for key in keys)
        if n_open:
            raise Unanswered(n_open, batch.reason, n_answered=len(keys) - n_open)
        return [batch.outcomes[key] for key in keys]


class _Batch:
    """One call of `ask`: which requests it has, what became of them, and why some stayed open."""

    def __init__(
        self,
        client: Client,
        requests: dict[str, dict[str, Any]],
        keys: list[str],
        on_answer: Callable[[Answer], None],
    ):
        self._client = client
        self._requests = requests
        self._n_rows = Counter(keys)
        self._on_answer = on_answer
        self._certificates = certificates()  # here, not in the loop's short-lived thread
        self.outcomes: dict[str, Answer | Refusal] = {}
        self.reason = ""

    async def run(self) -> None:
        with self._client.cache.open() as cache:
            for key, answer in cache.get(list(self._requests)).items():
                self._client.usage.from_cache += 1
                self._record(key, answer)
            still_open = [key for key in self._requests if key not in self.outcomes]
            if still_open:
                await self._ask_server(still_open, cache)

    async def _ask_server(self, keys: list[str], cache: OpenCache) -> None:
        client, url = self._client, self._client.server.base_url
        async with httpx.AsyncClient(
            headers={**client.server.headers(), "Content-Type": "application/json"},
            timeout=httpx.Timeout(None, connect=CONNECT_TIMEOUT_S),  # the whole request is timed by the line
            limits=httpx.Limits(max_connections=client.concurrency, keepalive_expiry=KEEPALIVE_S),
            trust_env=not on_this_machine(url),
            verify=self._certificates,
        ) as http:
            n_losses_at_most = max(client.concurrency, MIN_LOSSES)
            line = Line(http, client.server, client.timeout_s, client.patience_s, n_losses_at_most)
            queue = deque(keys)
            n_workers = min(client.concurrency, len(keys))
            workers = [asyncio.create_task(self._work(queue, line, cache)) for _ in range(n_workers)]
            try:
                await asyncio.gather(*workers)
            finally:
                for worker in workers:
                    worker.cancel()
                await asyncio.gather(*workers, return_exceptions=True)
            if line.dead:
                self.reason = line.dead

    async def _work(self, queue: deque[str], line: Line, cache: OpenCache) -> None:
        client = self._client
        while queue and not line.dead:
            # Neighbours may fail alike (one function, one long prompt): the far end tells more of the server.
            key = queue.pop() if line.n_losses_in_a_row else queue.popleft()
            # Escaped as ASCII, any Python string can be sent, half surrogate pairs too.
            body = json.dumps({"model": client.server.model, **self._requests[key]}).encode()
            client.usage.asked += 1
            try:
                outcome = await line.complete(body)
            except (Lost, Closed) as error:
                self.reason = str(error)
                continue
            if isinstance(outcome, Answer):
                client.usage.count(outcome)
                outcome = cache.put(key, outcome)  # another process may have been faster: its answer stays
            self._record(key, outcome)

    def _record(self, key: str, outcome: Answer | Refusal) -> None:
        self.outcomes[key] = outcome
        if isinstance(outcome, Answer):
            for _ in range(self._n_rows[key]):
                self._on_answer(outcome)


def _ignore(answer: Answer) -> None:
    pass


def _run_apart(work: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine on a loop in another thread, since this one may have a running loop (a notebook)."""
    task: asyncio.Task[Any] | None = None

    async def known() -> T:
        nonlocal task
        task = asyncio.current_task()
        return await work

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="codeio-inference") as thread:
        future = thread.submit(asyncio.run, known())
        try:
            return future.result()
        except BaseException:  # Ctrl+C: do not wait for the requests in flight
            if task is not None and not future.done():
                task.get_loop().call_soon_threadsafe(task.cancel)
            raise
