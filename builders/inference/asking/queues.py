"""What waits, by server: each has a queue of its own, and takes from another's end when that is empty.

In: requests, and where they would best go. Out: the next one for a server. Requests of one group go to one
server.
"""

from collections.abc import Iterator, Sequence

from builders.inference.asking.endpoint import Endpoint
from builders.inference.asking.requests import Request
from builders.inference.usage import Usage

N_HOMES = 10_000  # groups whose server is remembered


class Queues:
    """The queues of all endpoints; counts what waits in `usage`."""

    def __init__(self, endpoints: Sequence[Endpoint], usage: Usage) -> None:
        self._endpoints = list(endpoints)
        self._usage = usage
        self._homes: dict[str, Endpoint] = {}

    def put(self, request: Request, ahead: bool = False, not_to: Endpoint | None = None) -> None:
        """Add a request to the queue of its group's server, or of the one with the least to do."""
        endpoints = [endpoint for endpoint in self._endpoints if endpoint.is_open] or self._endpoints
        others = [endpoint for endpoint in endpoints if endpoint is not not_to] or endpoints
        endpoint = self._homes.get(request.group)
        if endpoint not in others:
            endpoint = min(
                others,
                key=lambda endpoint: (len(endpoint.queue) + endpoint.n_in_flight) / endpoint.limit.value,
            )
            if len(self._homes) >= N_HOMES:
                self._homes.clear()
            if request.group:  # without one, each goes where there is least to do
                self._homes[request.group] = endpoint
        endpoint.queue.put(request, ahead)
        self._usage.waiting += 1

    def take(self, endpoint: Endpoint) -> Request | None:
        """What a server is sent next: from its own queue, or else from the end of the longest."""
        # Neighbours may fail alike (one function, one long prompt): the far end tells more of the server.
        request = endpoint.queue.last() if endpoint.trouble else endpoint.queue.next()
        if not request and not endpoint.queue:
            request = max(self._endpoints, key=lambda endpoint: len(endpoint.queue)).queue.last()
        if request and not request.is_prefill:
            self._usage.waiting -= 1
        return request

    def emptied(self) -> Iterator[Request]:
        """All that waits, which then does no longer."""
        for endpoint in self._endpoints:
            for request in endpoint.queue.emptied():
                self._usage.waiting -= 1
                yield request

    def __bool__(self) -> bool:
        return any(endpoint.queue for endpoint in self._endpoints)
