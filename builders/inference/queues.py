"""What waits, by server: each has a queue of its own, and takes from another's end when that is empty.

In: requests, and where they would best go. Out: the next one for a server. Requests of one group share a long
prefix. They go to one server, and wait there until its cache holds the prefix: sent together, each would have
it computed anew. A server that can be asked for just that is sent a request that primes its cache; elsewhere
the first answer of the group tells, unless there is nothing else to send.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from builders.inference.requests import Request
from builders.inference.usage import Usage

if TYPE_CHECKING:
    from builders.inference.lane import Lane

N_HOMES = 10_000  # groups whose server is remembered
N_WARM = 256  # groups that a server's cache is taken to remember
N_PRIMERS = 8  # at once: a prefix known long before it is used may have left the cache again


class Queue:
    """What waits for one server; `primes`: whether it is sent requests that only prime its cache."""

    def __init__(self, primes: bool) -> None:
        self.primes = primes
        self._ready: deque[Request] = deque()
        self._held: dict[str, deque[Request]] = {}  # by groups whose prefix is on its way
        self._warm: OrderedDict[str, None] = OrderedDict()
        self._n_of: Counter[str] = Counter()
        self._n = 0

    def put(self, request: Request, ahead: bool) -> None:
        """Add a request at the end, or before all others."""
        self._n += 1
        self._n_of[request.group] += 1
        if ahead:
            self._ready.appendleft(request)
        else:
            self._ready.append(request)

    def next(self) -> Request | None:
        """What to send next, perhaps a request that primes; None where what waits had better do so."""
        while self._ready:
            request = self._ready.popleft()
            group = request.group
            if group in self._held:
                self._held[group].append(request)
                continue
            if group and group not in self._warm and self._n_of[group] > 1:
                if self.primes and len(self._held) >= N_PRIMERS:
                    self._ready.appendleft(request)
                    return None
                self._held[group] = deque()
                if self.primes:
                    self._held[group].append(request)
                    return request.primer()
            return self._taken(request)
        if not self.primes:
            for requests in self._held.values():
                if requests:
                    return self._taken(requests.popleft())
        return None

    def last(self) -> Request | None:
        """What would be sent last of all that need not wait."""
        return self._taken(self._ready.pop()) if self._ready else None

    def returned(self, group: str) -> None:
        """A request of this group came back: its prefix is known there, or never will be."""
        if not group:
            return
        self._ready.extendleft(reversed(self._held.pop(group, ())))
        self._warm[group] = None
        self._warm.move_to_end(group)
        if len(self._warm) > N_WARM:
            self._warm.popitem(last=False)

    def emptied(self) -> Iterator[Request]:
        """All that waits, which then does no longer."""
        for requests in (self._ready, *self._held.values()):
            while requests:
                yield self._taken(requests.popleft())

    def cools(self) -> None:
        """The server was started anew: it remembers nothing."""
        self._warm.clear()

    def __len__(self) -> int:
        return self._n

    def _taken(self, request: Request) -> Request:
        self._n -= 1
        self._n_of[request.group] -= 1
        if not self._n_of[request.group]:
            del self._n_of[request.group]
        return request


class Queues:
    """The queues of all lanes; counts what waits in `usage`."""

    def __init__(self, lanes: "Sequence[Lane]", usage: Usage) -> None:
        self._lanes = list(lanes)
        self._usage = usage
        self._homes: dict[str, Lane] = {}

    def put(self, request: Request, ahead: bool = False, not_to: "Lane | None" = None) -> None:
        """Add a request to the queue of its group's server, or of the one with the least to do."""
        lanes = [lane for lane in self._lanes if lane.is_open] or self._lanes
        others = [lane for lane in lanes if lane is not not_to] or lanes
        lane = self._homes.get(request.group)
        if lane not in others:
            lane = min(others, key=lambda lane: (len(lane.queue) + lane.n_in_flight) / lane.limit.value)
            if len(self._homes) >= N_HOMES:
                self._homes.clear()
            if request.group:  # without one, each goes where there is least to do
                self._homes[request.group] = lane
        lane.queue.put(request, ahead)
        self._usage.waiting += 1

    def take(self, lane: "Lane") -> Request | None:
        """What a server is sent next: from its own queue, or else from the end of the longest."""
        # Neighbours may fail alike (one function, one long prompt): the far end tells more of the server.
        request = lane.queue.last() if lane.trouble else lane.queue.next()
        if not request and not lane.queue:
            request = max(self._lanes, key=lambda lane: len(lane.queue)).queue.last()
        if request and not request.is_primer:
            self._usage.waiting -= 1
        return request

    def emptied(self) -> Iterator[Request]:
        """All that waits, which then does no longer."""
        for lane in self._lanes:
            for request in lane.queue.emptied():
                self._usage.waiting -= 1
                yield request

    def __bool__(self) -> bool:
        return any(lane.queue for lane in self._lanes)
