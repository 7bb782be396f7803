"""What waits for one server, in the order that its prefix cache likes best.

In: requests. Out: the next one to send. Requests of one group share a long prefix; they wait until the
server's cache holds it: sent together, each would have it computed anew. A server that can be asked for just
that is sent a prefill request; elsewhere the first answer of the group tells, unless there is nothing else to
send.
Tested in tests/builders/inference/asking/test_queues.py.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Iterator

from builders.inference.asking.requests import Request

N_WARM = 256  # groups that a server's cache is taken to remember
N_PREFILLS = 8  # at once: a prefix known long before it is used may have left the cache again


class Queue:
    """What waits for one server; `prefills`: whether it is sent requests that only fill its cache."""

    def __init__(self, prefills: bool) -> None:
        self.prefills = prefills
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
        """What to send next, perhaps a prefill request; None where what waits had better do so."""
        while self._ready:
            request = self._ready.popleft()
            group = request.group
            if group in self._held:
                self._held[group].append(request)
                continue
            if group and group not in self._warm and self._n_of[group] > 1:
                if self.prefills and len(self._held) >= N_PREFILLS:
                    self._ready.appendleft(request)
                    return None
                self._held[group] = deque()
                if self.prefills:
                    self._held[group].append(request)
                    return request.prefill()
            return self._taken(request)
        if not self.prefills:
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
