"""Requests to servers: who is asked what next, what is tried again, and when to give up.

In: asks. Out: their outcomes. Lives on one event loop. Requests of one group (a function, whose
prompts share a prefix) stay with one server as long as no other is idle; the next request of a chain goes out
ahead of all others, while its prefix is warm.

A request that is lost is tried again, elsewhere where it can be, up to `N_TRIES` times; a busy or vanished
server costs it no try. Where all servers are gone the run pauses for `patience_s`; then what is open is given
up for this time. Not covered: what a reply means to those who wait for it (`waiting`), what counts as lost
(`endpoint`), and finding out that a server is back (`watch`).
Tested in tests/builders/inference/asking/test_queues.py.
"""

import asyncio
import logging
import random
import time
from collections.abc import Sequence

from builders.inference.answers import Completion, Refusal
from builders.inference.asking.chains import Ask
from builders.inference.asking.endpoint import Closed, Endpoint, Lost
from builders.inference.asking.queues import Queues
from builders.inference.asking.requests import Request
from builders.inference.asking.waiting import Waiting
from builders.inference.asking.watch import watch
from builders.inference.cache import OpenCache
from builders.inference.errors import InferenceError
from builders.inference.usage import Usage

N_TRIES = 5
FIRST_PAUSE_S, MAX_PAUSE_S = 0.5, 30.0
N_BETWEEN_BREATHS = 64  # chains begun before other work of the loop gets its turn
log = logging.getLogger("codeio.inference")


class Dispatcher:
    """All requests of one client."""

    def __init__(
        self, endpoints: Sequence[Endpoint], cache: OpenCache, usage: Usage, patience_s: float
    ) -> None:
        self._endpoints = list(endpoints)
        self._queues = Queues(endpoints, usage)
        self._waiting = Waiting(cache, self._queues, usage, endpoints[0].server.identity)
        self._usage = usage
        self._patience_s = patience_s
        self._tasks: dict[asyncio.Task[None], Request] = {}
        self._watches: dict[Endpoint, asyncio.Task[None]] = {}
        self._alarm: asyncio.TimerHandle | None = None
        self._last_begun = 0.0
        self._followers = [
            asyncio.create_task(endpoint.follow_load(self._pump))
            for endpoint in endpoints
            if endpoint.server.n_cache_tokens
        ]
        self._stopping = False

    async def see_to(self, ask: Ask) -> None:
        """Returns when all chains have their outcomes; raises Unanswered, CacheUnusable, or as `then` did."""
        try:
            await self._begin(ask)
            await ask.done
        finally:
            ask.done.cancel()
            for task, request in self._tasks.items():
                if not self._waiting.wants(request):
                    task.cancel()
            self._pump()
            self._waiting.leave(ask)
            if ask.failure:
                raise ask.failure

    async def stop(self) -> None:
        """Cancels whatever is under way."""
        self._stopping = True
        tasks = [*self._tasks, *self._watches.values(), *self._followers]
        self._waiting.cancel()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._waiting.keep()

    async def _begin(self, ask: Ask) -> None:
        self._last_begun = time.monotonic()
        cached = self._waiting.enter(ask)
        self._pump()
        for index, (chain, outcome) in enumerate(cached):
            self._waiting.go_on(chain, outcome)
            if index % N_BETWEEN_BREATHS == N_BETWEEN_BREATHS - 1:
                await asyncio.sleep(0)
        self._pump()

    def _next(self, endpoint: Endpoint) -> Request | None:
        """What a server is asked next that somebody still waits for."""
        while request := self._queues.take(endpoint):
            if request.is_prefill:
                return request
            if not self._waiting.wants(request):
                self._waiting.forget(request)
            elif len(request.payloads) > 1 and not endpoint.samples_at_once:
                for one in reversed(request.apart()):
                    self._queues.put(one, ahead=True)
            else:
                return request
            endpoint.queue.returned(request.group)  # others may have been held back for it
        return None

    def _pump(self) -> None:
        """Send as much as the servers take."""
        if self._stopping:
            return
        # Each its own first: an idle server takes only what is left of another's.
        for takes_over in (False, True):
            for endpoint in self._endpoints:
                while (
                    endpoint.has_room and (endpoint.queue or takes_over) and (request := self._next(endpoint))
                ):
                    self._send(endpoint, request)
        if self._queues:
            self._see_why()

    def _send(self, endpoint: Endpoint, request: Request) -> None:
        n_answers = 1 if request.is_prefill else len(request.payloads)
        endpoint.n_in_flight += n_answers
        self._usage.in_flight += n_answers
        self._usage.asked += 1
        send = self._prefill if request.is_prefill else self._serve
        task = asyncio.create_task(send(endpoint, request))
        self._tasks[task] = request

        def is_back(_: object) -> None:
            del self._tasks[task]
            endpoint.n_in_flight -= n_answers
            self._usage.in_flight -= n_answers
            endpoint.queue.returned(request.group)
            self._pump()

        task.add_done_callback(is_back)

    async def _prefill(self, endpoint: Endpoint, request: Request) -> None:
        """Whatever comes of it, the requests that wait for it go out then, and tell themselves."""
        try:
            outcome = await endpoint.send(
                request.body(endpoint.server.model, endpoint.extras), is_prefill=True
            )
            if isinstance(outcome, Completion):
                self._usage.count_prefill(outcome)
        except Lost as lost:
            self._usage.failures[lost.label] += 1
            self._look_after(endpoint)
        except (Closed, InferenceError):  # no key that can be sent: so it goes for what follows
            pass

    async def _serve(self, endpoint: Endpoint, request: Request) -> None:
        try:
            outcome = await endpoint.send(request.body(endpoint.server.model, endpoint.extras))
        except Lost as lost:
            self._usage.failures[lost.label] += 1
            self._lose(endpoint, request, lost)
        except Closed:
            self._queues.put(request, ahead=True)
        except Exception as error:  # no key that can be sent; or a fault of ours, which must not hide
            self._waiting.fail(request, error)
        except asyncio.CancelledError:
            if not self._waiting.wants(request):
                self._waiting.forget(request)
            else:  # somebody else came to want the same meanwhile
                self._queues.put(request, ahead=True)
            raise
        else:
            try:
                self._come(endpoint, request, outcome)
            except Exception as error:  # the cache's: disk full, no permission
                self._waiting.fail(request, error)

    def _come(self, endpoint: Endpoint, request: Request, outcome: Completion | Refusal) -> None:
        """A reply came: keep it, and let the chains that wait for it go on."""
        n_asked = len(request.payloads)
        if isinstance(outcome, Refusal) and n_asked > 1:
            if outcome.reason == "rejected":  # perhaps for the number only
                endpoint.samples_at_once = False
            for one in reversed(request.apart()):
                self._queues.put(one, ahead=True)
            return
        if isinstance(outcome, Refusal):
            self._usage.failures[outcome.reason] += 1
            self._waiting.refused(next(iter(request.payloads)), outcome)
            return
        self._usage.count(outcome)
        if len(outcome.answers) == 1 < n_asked:
            endpoint.samples_at_once = False
        if len(outcome.answers) < n_asked:
            for one in reversed(request.apart()[len(outcome.answers) :]):
                self._queues.put(one, ahead=True)
        masked = [endpoint.server.without_key(answer) for answer in outcome.answers]
        self._waiting.answered(dict(zip(request.payloads, masked, strict=False)))

    def _lose(self, endpoint: Endpoint, request: Request, lost: Lost) -> None:
        """No reply came: try again at once where the server was at fault, else after a pause."""
        self._look_after(endpoint)
        if lost.cause != "request":
            self._queues.put(request, ahead=True, not_to=endpoint)
            return
        now = time.monotonic()
        request.n_tries += 1
        request.first_lost_s = request.first_lost_s or now
        if request.n_tries >= N_TRIES or now - request.first_lost_s > self._patience_s:
            self._waiting.leave_open(request, str(lost))
            return
        pause_s = min(MAX_PAUSE_S, FIRST_PAUSE_S * 2 ** (request.n_tries - 1)) * random.uniform(0.5, 1.5)
        for one in request.apart():  # several samples at once may be just what the server fails at
            self._usage.waiting += 1
            asyncio.get_running_loop().call_later(pause_s, self._again, one, endpoint)

    def _again(self, request: Request, endpoint: Endpoint) -> None:
        self._usage.waiting -= 1
        self._queues.put(request, ahead=True, not_to=endpoint)
        self._pump()

    def _look_after(self, endpoint: Endpoint) -> None:
        if endpoint.down and endpoint not in self._watches:
            self._watches[endpoint] = asyncio.create_task(self._wait_for(endpoint))

    async def _wait_for(self, endpoint: Endpoint) -> None:
        """Look after a server that is gone until it is back, or must be left out for good."""
        url = endpoint.server.base_url
        log.warning("%s is left out: %s.", url, (endpoint.down or "").rstrip("."))
        endpoint.closed = await watch(endpoint.server)
        del self._watches[endpoint]
        if endpoint.closed:
            log.warning("%s stays left out: %s", url, endpoint.closed)
        else:
            log.warning("%s is back.", url)
            endpoint.comes_back()
        self._pump()

    def _see_why(self) -> None:
        """Requests wait: for room, for a pause to end, or for servers that are gone."""
        now = time.monotonic()
        open_ones = [endpoint for endpoint in self._endpoints if endpoint.is_open]
        resting = [endpoint.resting_until for endpoint in open_ones if endpoint.resting_until > now]
        if resting:
            self._wake_at(min(resting))
        if any(endpoint.n_in_flight or endpoint.troubled_since is None for endpoint in open_ones):
            return
        hopes = [endpoint for endpoint in self._endpoints if endpoint.closed is None]
        since = max(
            (max(endpoint.troubled_since or now, self._last_begun) for endpoint in hopes), default=0.0
        )
        give_up_at = since + self._patience_s
        if hopes and now < give_up_at:
            self._wake_at(give_up_at)
            return
        reason = next(
            filter(None, (endpoint.closed or endpoint.trouble for endpoint in self._endpoints)),
            "no server answers",
        )
        for request in self._queues.emptied():
            self._waiting.leave_open(request, reason)

    def _wake_at(self, when_s: float) -> None:
        """Look again then, or earlier."""
        if self._alarm and not self._alarm.cancelled() and time.monotonic() < self._alarm.when() <= when_s:
            return
        if self._alarm:
            self._alarm.cancel()
        self._alarm = asyncio.get_running_loop().call_at(when_s + 0.001, self._pump)
