"""The dispatcher: which server gets which request next, what is tried again, and when to give up.

In: asks (`chains`). Out: their outcomes. It runs on one event loop. Requests of one group (a function, whose
prompts share a prefix) stay with one server as long as no other is idle. The next request of a chain is sent
ahead of all others, while its prefix is still in the server's cache.

A lost request is tried up to `N_TRIES` times, on a different server if possible; a busy or vanished server
costs it no try. If all servers are gone, the run pauses for `patience_s`; then the open requests are given up
for this run. Not covered: what a reply means to the chains that wait for it (`waiting`), what counts as lost
(`endpoint`), and how a server is found to be back (`watch`).
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
from builders.inference.asking.waiting import WaitingChains
from builders.inference.asking.watch import watch
from builders.inference.cache import OpenCache
from builders.inference.errors import InferenceError
from builders.inference.usage import Usage

N_TRIES = 5
FIRST_PAUSE_S, MAX_PAUSE_S = 0.5, 30.0
N_CHAINS_PER_TURN = 64  # chains that a call begins before other work of the event loop gets its turn
log = logging.getLogger("codeio.inference")


class Dispatcher:
    """The dispatcher of all requests of one client."""

    def __init__(
        self, endpoints: Sequence[Endpoint], cache: OpenCache, usage: Usage, patience_s: float
    ) -> None:
        self._endpoints = list(endpoints)
        self._queues = Queues(endpoints, usage)
        self._waiting = WaitingChains(cache, self._queues, usage, endpoints[0].server.identity)
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

    async def run(self, ask: Ask) -> None:
        """Wait until all chains have their outcomes; raise Unanswered, CacheUnusable, or `then`'s error."""
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
        """Cancel all calls, requests and watches, and write the answers that came to disk."""
        self._stopping = True
        tasks = [*self._tasks, *self._watches.values(), *self._followers]
        self._waiting.cancel()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._waiting.flush()

    async def _begin(self, ask: Ask) -> None:
        self._last_begun = time.monotonic()
        cached = self._waiting.enter(ask)
        self._pump()
        for index, (chain, outcome) in enumerate(cached):
            self._waiting.advance(chain, outcome)
            if index % N_CHAINS_PER_TURN == N_CHAINS_PER_TURN - 1:
                await asyncio.sleep(0)
        self._pump()

    def _next_request(self, endpoint: Endpoint) -> Request | None:
        """Return the next request to send to a server; drop those that no call waits for any more."""
        while request := self._queues.take(endpoint):
            if request.is_prefill:
                return request
            if not self._waiting.wants(request):
                self._waiting.forget(request)
            elif len(request.payloads) > 1 and not endpoint.samples_at_once:
                for single in reversed(request.split_up()):
                    self._queues.put(single, ahead=True)
            else:
                return request
            endpoint.queue.release(request.group)  # its group may have been held until it came back
        return None

    def _pump(self) -> None:
        """Send as many requests as the servers have room for."""
        if self._stopping:
            return
        # All servers take from their own queues first, so an idle one gets only what others cannot take now.
        for takes_over in (False, True):
            for endpoint in self._endpoints:
                while (
                    endpoint.has_room
                    and (endpoint.queue or takes_over)
                    and (request := self._next_request(endpoint))
                ):
                    self._send(endpoint, request)
        if self._queues:
            self._wait_or_give_up()

    def _send(self, endpoint: Endpoint, request: Request) -> None:
        n_answers = 1 if request.is_prefill else len(request.payloads)
        endpoint.n_in_flight += n_answers
        self._usage.in_flight += n_answers
        self._usage.asked += 1
        send = self._prefill if request.is_prefill else self._serve
        task = asyncio.create_task(send(endpoint, request))
        self._tasks[task] = request

        def on_end(_: object) -> None:
            del self._tasks[task]
            endpoint.n_in_flight -= n_answers
            self._usage.in_flight -= n_answers
            endpoint.queue.release(request.group)
            self._pump()

        task.add_done_callback(on_end)

    async def _prefill(self, endpoint: Endpoint, request: Request) -> None:
        """Send a prefill request. If it fails, its group is sent all the same, and shows what is wrong."""
        try:
            outcome = await endpoint.send(
                request.body(endpoint.server.model, endpoint.extra_fields), is_prefill=True
            )
            if isinstance(outcome, Completion):
                self._usage.count_prefill(outcome)
        except Lost as lost:
            self._usage.failures[lost.label] += 1
            self._watch_if_down(endpoint)
        except (
            Closed,
            InferenceError,
        ):  # such as a key that cannot be sent: the group will fail for the same reason
            pass

    async def _serve(self, endpoint: Endpoint, request: Request) -> None:
        """Send a request to a server, and handle whatever comes of it."""
        try:
            outcome = await endpoint.send(request.body(endpoint.server.model, endpoint.extra_fields))
        except Lost as lost:
            self._usage.failures[lost.label] += 1
            self._try_again(endpoint, request, lost)
        except Closed:
            self._queues.put(request, ahead=True)
        except Exception as error:  # a key that cannot be sent; or a bug, which must not be hidden
            self._waiting.fail(request, error)
        except asyncio.CancelledError:
            if not self._waiting.wants(request):
                self._waiting.forget(request)
            else:  # another call asks for the same answer meanwhile
                self._queues.put(request, ahead=True)
            raise
        else:
            try:
                self._handle(endpoint, request, outcome)
            except Exception as error:  # from the cache: disk full, no permission
                self._waiting.fail(request, error)

    def _handle(self, endpoint: Endpoint, request: Request, outcome: Completion | Refusal) -> None:
        """Store an outcome, so that the chains that wait for it go on; ask again for missing samples."""
        n_asked = len(request.payloads)
        if isinstance(outcome, Refusal) and n_asked > 1:
            if outcome.reason == "rejected":  # perhaps only because of `n`
                endpoint.samples_at_once = False
            for single in reversed(request.split_up()):
                self._queues.put(single, ahead=True)
            return
        if isinstance(outcome, Refusal):
            self._usage.failures[outcome.reason] += 1
            self._waiting.deliver_refusal(next(iter(request.payloads)), outcome)
            return
        self._usage.count(outcome)
        if len(outcome.answers) == 1 < n_asked:
            endpoint.samples_at_once = False
        if len(outcome.answers) < n_asked:
            for single in reversed(request.split_up()[len(outcome.answers) :]):
                self._queues.put(single, ahead=True)
        masked = [endpoint.server.without_key(answer) for answer in outcome.answers]
        self._waiting.deliver_answers(dict(zip(request.payloads, masked, strict=False)))

    def _try_again(self, endpoint: Endpoint, request: Request, lost: Lost) -> None:
        """Give up a lost request, or queue it again: at once if the server is busy or gone, else later."""
        self._watch_if_down(endpoint)
        if lost.cause != "request":
            self._queues.put(request, ahead=True, not_to=endpoint)
            return
        now = time.monotonic()
        request.n_tries += 1
        request.first_lost_s = request.first_lost_s or now
        if request.n_tries >= N_TRIES or now - request.first_lost_s > self._patience_s:
            self._waiting.give_up(request, str(lost))
            return
        pause_s = min(MAX_PAUSE_S, FIRST_PAUSE_S * 2 ** (request.n_tries - 1)) * random.uniform(0.5, 1.5)
        # Each sample is sent alone now: the server may have failed just because of several at once.
        for single in request.split_up():
            self._usage.waiting += 1
            asyncio.get_running_loop().call_later(pause_s, self._put_back, single, endpoint)

    def _put_back(self, request: Request, endpoint: Endpoint) -> None:
        self._usage.waiting -= 1
        self._queues.put(request, ahead=True, not_to=endpoint)
        self._pump()

    def _watch_if_down(self, endpoint: Endpoint) -> None:
        if endpoint.down and endpoint not in self._watches:
            self._watches[endpoint] = asyncio.create_task(self._watch(endpoint))

    async def _watch(self, endpoint: Endpoint) -> None:
        """Watch a server that is gone until it is back or is left out for good."""
        url = endpoint.server.base_url
        log.warning("%s is left out: %s.", url, (endpoint.down or "").rstrip("."))
        endpoint.closed = await watch(endpoint.server)
        del self._watches[endpoint]
        if endpoint.closed:
            log.warning("%s stays left out: %s", url, endpoint.closed)
        else:
            log.warning("%s is back.", url)
            endpoint.reopen()
        self._pump()

    def _wait_or_give_up(self) -> None:
        """Find out what the queued requests wait for; give them up if all servers have been gone too long.

        They may wait for room, for the end of a pause that a server asked for, or for servers that are gone.
        """
        now = time.monotonic()
        open_endpoints = [endpoint for endpoint in self._endpoints if endpoint.is_open]
        resting = [endpoint.resting_until for endpoint in open_endpoints if endpoint.resting_until > now]
        if resting:
            self._wake_at(min(resting))
        if any(endpoint.n_in_flight or endpoint.failing_since is None for endpoint in open_endpoints):
            return
        not_closed = [endpoint for endpoint in self._endpoints if endpoint.closed is None]
        since = max(
            (max(endpoint.failing_since or now, self._last_begun) for endpoint in not_closed), default=0.0
        )
        give_up_at = since + self._patience_s
        if not_closed and now < give_up_at:
            self._wake_at(give_up_at)
            return
        reason = next(
            filter(None, (endpoint.closed or endpoint.last_failure for endpoint in self._endpoints)),
            "no server answers",
        )
        for request in self._queues.drain():
            self._waiting.give_up(request, reason)

    def _wake_at(self, when_s: float) -> None:
        """Call `_pump` at this time, unless it is called earlier anyway."""
        if self._alarm and not self._alarm.cancelled() and time.monotonic() < self._alarm.when() <= when_s:
            return
        if self._alarm:
            self._alarm.cancel()
        self._alarm = asyncio.get_running_loop().call_at(when_s + 0.001, self._pump)
