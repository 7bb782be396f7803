"""Requests to servers: who is asked what next, what is tried again, and when to give up.

In: asks. Out: every chain's outcomes. Lives on one event loop. Requests of one group (a function, whose
prompts share a prefix) stay with one server as long as no other is idle; the next request of a chain goes out
ahead of all others, while its prefix is warm.

A request that is lost is tried again, elsewhere where it can be, up to `N_TRIES` times; a busy or vanished
server costs it no try. Where all servers are gone the run pauses for `patience_s`; then what is open is given
up for this time. Not covered: what counts as lost (`lane`), and finding out that a server is back (`watch`).
"""

import asyncio
import logging
import random
import time
from collections.abc import Iterable, Mapping, Sequence

from builders.inference.answers import Answer, Completion, Refusal
from builders.inference.ask import Ask
from builders.inference.cache import OpenCache, request_key
from builders.inference.lane import Closed, Lane, Lost
from builders.inference.queues import Queues
from builders.inference.requests import Chain, Outcome, Request, bundled
from builders.inference.usage import Usage
from builders.inference.watch import watch

N_TRIES = 5
FIRST_PAUSE_S, MAX_PAUSE_S = 0.5, 30.0
N_BETWEEN_BREATHS = 64  # chains begun before other work of the loop gets its turn
log = logging.getLogger("codeio.inference")


class Dispatcher:
    """All requests of one client."""

    def __init__(self, lanes: Sequence[Lane], cache: OpenCache, usage: Usage, patience_s: float) -> None:
        self._lanes = list(lanes)
        self._queues = Queues(lanes, usage)
        self._cache = cache
        self._usage = usage
        self._patience_s = patience_s
        self._identity = lanes[0].server.identity
        self._waiting: dict[str, list[Chain]] = {}
        self._asks: set[Ask] = set()
        self._tasks: dict[asyncio.Task[None], Request] = {}
        self._watches: dict[Lane, asyncio.Task[None]] = {}
        self._alarm: asyncio.TimerHandle | None = None
        self._last_begun = 0.0
        self._stopping = False
        self._is_keeping = False

    async def see_to(self, ask: Ask) -> None:
        """Returns when all chains have their outcomes; raises Unanswered, CacheUnusable, or as `then` did."""
        self._asks.add(ask)
        try:
            await self._begin(ask)
            await ask.done
        finally:
            ask.done.cancel()
            for task, request in self._tasks.items():
                if self._unwanted(request):
                    task.cancel()
            self._pump()
            self._keep()  # on disk when the call returns, or the call fails
            self._asks.discard(ask)
            if ask.failure:
                raise ask.failure

    async def stop(self) -> None:
        """Cancels whatever is under way."""
        self._stopping = True
        tasks = [*self._tasks, *self._watches.values()]
        for chain in self._chains(list(self._waiting)):
            chain.ask.done.cancel()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._keep()

    async def _begin(self, ask: Ask) -> None:
        self._last_begun = time.monotonic()
        known = self._cache.get(list({chain.key for chain in ask.chains}))
        # Up to here and on to the queue at one go: nothing that is answered meanwhile is asked a second time.
        new = [chain for chain in ask.chains if chain.key not in known]
        begun = [chain for chain in ask.chains if chain.key in known]
        for request in bundled([chain for chain in new if self._waits(chain)]):
            self._queues.put(request)
        self._pump()
        for index, chain in enumerate(begun):
            self._go_on(chain, known[chain.key])
            if index % N_BETWEEN_BREATHS == N_BETWEEN_BREATHS - 1:
                await asyncio.sleep(0)
        self._pump()

    def _waits(self, chain: Chain) -> bool:
        """Have a chain wait for its key's outcome; whether it is the first, so that a request is due."""
        others = self._waiting.setdefault(chain.key, [])
        others.append(chain)
        return len(others) == 1

    def _go_on(self, chain: Chain, outcome: Outcome | None) -> None:
        """Take a chain as far as what is known reaches; what it needs then goes out ahead of all else."""
        while outcome is not None:
            if isinstance(outcome, Answer):
                self._usage.from_cache += outcome.from_cache
            if chain.ask.over or not self._takes(chain, outcome):
                return
            outcome = self._cache.get([chain.key]).get(chain.key)
        if self._waits(chain):
            self._queues.put(Request({chain.key: chain.payload}, chain.group), ahead=True)

    def _takes(self, chain: Chain, outcome: Outcome) -> bool:
        """Give a chain an outcome; whether it asks for more."""
        chain.outcomes.append(outcome)
        try:
            answers = [one for one in chain.outcomes if isinstance(one, Answer)]
            payload = chain.ask.then(chain.index, answers) if isinstance(outcome, Answer) else None
            if payload is None:
                chain.ask.ends()
                return False
            chain.key, chain.payload = request_key(payload, self._identity), payload
        except Exception as error:  # of the code that says what follows: its caller's
            chain.ask.fails(error)
            return False
        return True

    def _next(self, lane: Lane) -> Request | None:
        """What a server is asked next that somebody still waits for."""
        while request := self._queues.take(lane):
            if self._unwanted(request):
                self._forget(request)
            elif len(request.payloads) > 1 and not lane.samples_at_once:
                for one in reversed(request.apart()):
                    self._queues.put(one, ahead=True)
            else:
                return request
        return None

    def _pump(self) -> None:
        """Send as much as the servers take."""
        if self._stopping:
            return
        # Each its own first: an idle server takes only what is left of another's.
        for takes_over in (False, True):
            for lane in self._lanes:
                while lane.has_room and (lane.queue or takes_over) and (request := self._next(lane)):
                    self._send(lane, request)
        if self._queues:
            self._see_why()

    def _send(self, lane: Lane, request: Request) -> None:
        lane.n_in_flight += len(request.payloads)
        self._usage.in_flight += len(request.payloads)
        task = asyncio.create_task(self._serve(lane, request))
        self._tasks[task] = request
        task.add_done_callback(self._tasks.pop)

    async def _serve(self, lane: Lane, request: Request) -> None:
        self._usage.asked += 1
        try:
            outcome = await lane.send(request.body(lane.server.model, lane.extras))
        except Lost as lost:
            self._usage.failures[lost.label] += 1
            self._lose(lane, request, lost)
        except Closed:
            self._queues.put(request, ahead=True)
        except Exception as error:  # no key that can be sent; or a fault of ours, which must not hide
            self._fail(request, error)
        except asyncio.CancelledError:
            if self._unwanted(request):
                self._forget(request)
            else:  # somebody else came to want the same meanwhile
                self._queues.put(request, ahead=True)
            raise
        else:
            try:
                self._come(lane, request, outcome)
            except Exception as error:  # the cache's: disk full, no permission
                self._fail(request, error)
        finally:
            lane.n_in_flight -= len(request.payloads)
            self._usage.in_flight -= len(request.payloads)
            self._pump()

    def _come(self, lane: Lane, request: Request, outcome: Completion | Refusal) -> None:
        """A reply came: keep it, and let the chains that wait for it go on."""
        n_asked = len(request.payloads)
        if isinstance(outcome, Refusal) and n_asked > 1:
            if outcome.reason == "rejected":  # perhaps for the number only
                lane.samples_at_once = False
            for one in reversed(request.apart()):
                self._queues.put(one, ahead=True)
            return
        if isinstance(outcome, Refusal):
            self._usage.failures[outcome.reason] += 1
            (key,) = request.payloads
            self._begin_to_keep()
            self._cache.refuse(key, outcome)
            self._give({key: outcome})
            return
        self._usage.count(outcome)
        if len(outcome.answers) == 1 < n_asked:
            lane.samples_at_once = False
        if len(outcome.answers) < n_asked:
            for one in reversed(request.apart()[len(outcome.answers) :]):
                self._queues.put(one, ahead=True)
        masked = [lane.server.without_key(answer) for answer in outcome.answers]
        self._begin_to_keep()
        kept = {key: self._cache.put(key, one) for key, one in zip(request.payloads, masked, strict=False)}
        self._give(kept)

    def _give(self, outcomes: Mapping[str, Outcome]) -> None:
        for key, outcome in outcomes.items():
            for chain in self._waiting.pop(key, []):
                try:
                    self._go_on(chain, outcome)
                except Exception as error:  # the cache's; nothing waits for this chain any more
                    chain.ask.fails(error)

    def _begin_to_keep(self) -> None:
        """Answers that come in one turn of the loop go to disk together."""
        if not self._is_keeping:
            self._cache.begin()
            self._is_keeping = True
            asyncio.get_running_loop().call_soon(self._keep)

    def _keep(self) -> None:
        """What came goes to disk; where it does not, whoever may have been given it is told."""
        if not self._is_keeping:
            return
        self._is_keeping = False
        try:
            self._cache.commit()
        except Exception as error:  # disk full
            for ask in self._asks:
                ask.fails(error)

    def _lose(self, lane: Lane, request: Request, lost: Lost) -> None:
        """No reply came: try again at once where the server was at fault, else after a pause."""
        if lane.down and lane not in self._watches:
            self._watches[lane] = asyncio.create_task(self._wait_for(lane))
        if lost.fault != "request":
            self._queues.put(request, ahead=True, not_to=lane)
            return
        now = time.monotonic()
        request.n_tries += 1
        request.first_lost_s = request.first_lost_s or now
        if request.n_tries >= N_TRIES or now - request.first_lost_s > self._patience_s:
            self._leave_open(request.payloads, str(lost))
            return
        pause_s = min(MAX_PAUSE_S, FIRST_PAUSE_S * 2 ** (request.n_tries - 1)) * random.uniform(0.5, 1.5)
        for one in request.apart():  # several samples at once may be just what the server fails at
            self._usage.waiting += 1
            asyncio.get_running_loop().call_later(pause_s, self._again, one, lane)

    def _again(self, request: Request, lane: Lane) -> None:
        self._usage.waiting -= 1
        self._queues.put(request, ahead=True, not_to=lane)
        self._pump()

    async def _wait_for(self, lane: Lane) -> None:
        """Look after a server that is gone until it is back, or must be left out for good."""
        url = lane.server.base_url
        log.warning("%s is left out: %s.", url, lane.down)
        lane.closed = await watch(lane.server)
        del self._watches[lane]
        if lane.closed:
            log.warning("%s stays left out: %s", url, lane.closed)
        else:
            log.warning("%s is back.", url)
            lane.comes_back()
        self._pump()

    def _see_why(self) -> None:
        """Requests wait: for room, for a pause to end, or for servers that are gone."""
        now = time.monotonic()
        open_ones = [lane for lane in self._lanes if lane.is_open]
        resting = [lane.resting_until for lane in open_ones if lane.resting_until > now]
        if resting:
            self._wake_at(min(resting))
        if any(lane.n_in_flight or lane.troubled_since is None for lane in open_ones):
            return
        hopes = [lane for lane in self._lanes if lane.closed is None]
        since = max((max(lane.troubled_since or now, self._last_begun) for lane in hopes), default=0.0)
        give_up_at = since + self._patience_s
        if hopes and now < give_up_at:
            self._wake_at(give_up_at)
            return
        reason = next(
            filter(None, (lane.closed or lane.trouble for lane in self._lanes)), "no server answers"
        )
        for request in self._queues.emptied():
            self._leave_open(request.payloads, reason)

    def _wake_at(self, when_s: float) -> None:
        """Look again then, or earlier."""
        if self._alarm and not self._alarm.cancelled() and time.monotonic() < self._alarm.when() <= when_s:
            return
        if self._alarm:
            self._alarm.cancel()
        self._alarm = asyncio.get_running_loop().call_at(when_s + 0.001, self._pump)

    def _chains(self, keys: Iterable[str]) -> list[Chain]:
        return [chain for key in keys for chain in self._waiting.get(key, [])]

    def _unwanted(self, request: Request) -> bool:
        return all(chain.ask.over for chain in self._chains(request.payloads))

    def _fail(self, request: Request, error: Exception) -> None:
        for chain in self._chains(request.payloads):
            chain.ask.fails(error)
        self._forget(request)

    def _forget(self, request: Request) -> None:
        for key in request.payloads:
            self._waiting.pop(key, None)

    def _leave_open(self, keys: Iterable[str], reason: str) -> None:
        for key in keys:
            for chain in self._waiting.pop(key, []):
                if not chain.ask.over:
                    chain.ask.ends(open_for=reason)
