"""The queue of one server, in the best order for its prefix cache.

In: requests. Out: the next one to send. Requests of one group share a long prefix. They wait until the
server's cache holds it: if they were sent together, each would compute it again. An sglang server is first
sent a prefill request. Any other is sent one request of the group, and the rest wait for its answer unless
there is nothing else to send.
Tested in tests/builders/inference/asking/test_queues.py.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Iterator

from builders.inference.asking.requests import Request

N_WARM = 256  # groups whose prefixes a server's cache is assumed to hold
N_PREFILLS = 8  # prefixes computed at once: one that is cached long before its use may be evicted again


class Queue:
    """The requests that wait for one server; `prefills` says whether it is sent prefill requests."""

    def __init__(self, prefills: bool) -> None:
        self.prefills = prefills
        self._ready: deque[Request] = deque()
        self._held: dict[str, deque[Request]] = {}  # by group, while its prefix is being computed
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

    def take_next(self) -> Request | None:
        """Remove and return the request to send next, or make a prefill request; None if all should wait."""
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
            return self._uncount(request)
        if not self.prefills:
            for requests in self._held.values():
                if requests:
                    return self._uncount(requests.popleft())
        return None

    def take_last(self) -> Request | None:
        """Remove and return the last request that need not wait for a prefix; None if there is none."""
        return self._uncount(self._ready.pop()) if self._ready else None

    def release(self, group: str) -> None:
        """Let a group's held requests go: one came back, so the prefix is cached now or never will be."""
        if not group:
            return
        self._ready.extendleft(reversed(self._held.pop(group, ())))
        self._warm[group] = None
        self._warm.move_to_end(group)
        if len(self._warm) > N_WARM:
            self._warm.popitem(last=False)

    def drain(self) -> Iterator[Request]:
        """Remove and yield all requests."""
        for requests in (self._ready, *self._held.values()):
            while requests:
                yield self._uncount(requests.popleft())

    def forget_prefixes(self) -> None:
        """Assume that the server's cache is empty, as after a restart."""
        self._warm.clear()

    def __len__(self) -> int:
        return self._n

    def _uncount(self, request: Request) -> Request:
        """Subtract a removed request from the counts, and return it."""
        self._n -= 1
        self._n_of[request.group] -= 1
        if not self._n_of[request.group]:
            del self._n_of[request.group]
        return request
