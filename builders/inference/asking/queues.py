"""What waits, by server: each has a queue of its own, and takes from another's end when that is empty.

In: requests, and where they would best go. Out: the next one for a server. Requests of one group go to one
server.
"""

from collections.abc import Iterator, Sequence

from builders.inference.asking.lane import Lane
from builders.inference.asking.requests import Request
from builders.inference.usage import Usage

N_HOMES = 10_000  # groups whose server is remembered


class Queues:
    """The queues of all lanes; counts what waits in `usage`."""

    def __init__(self, lanes: Sequence[Lane], usage: Usage) -> None:
        self._lanes = list(lanes)
        self._usage = usage
        self._homes: dict[str, Lane] = {}

    def put(self, request: Request, ahead: bool = False, not_to: Lane | None = None) -> None:
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

    def take(self, lane: Lane) -> Request | None:
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
