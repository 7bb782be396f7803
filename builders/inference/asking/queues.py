"""The queues of all servers: each server has its own, and takes from the end of another's if it is empty.

In: requests, and a server that they should avoid. Out: the next request for a server. Requests of one group
go to one server.
"""

from collections.abc import Iterator, Sequence

from builders.inference.asking.endpoint import Endpoint
from builders.inference.asking.requests import Request
from builders.inference.usage import Usage

N_HOMES = 10_000  # groups whose server is remembered


class Queues:
    """The queues of all endpoints; `usage.waiting` counts their requests."""

    def __init__(self, endpoints: Sequence[Endpoint], usage: Usage) -> None:
        self._endpoints = list(endpoints)
        self._usage = usage
        self._homes: dict[str, Endpoint] = {}

    def put(self, request: Request, ahead: bool = False, not_to: Endpoint | None = None) -> None:
        """Add a request to the queue of its group's server, or of the one with the least to do.

        It goes to the front if `ahead`, and not to the server `not_to` if there is any other.
        """
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
            if request.group:  # a request without a group always goes to the server with the least to do
                self._homes[request.group] = endpoint
        endpoint.queue.put(request, ahead)
        self._usage.waiting += 1

    def take(self, endpoint: Endpoint) -> Request | None:
        """Return the next request for a server; if its queue is empty, the last of the longest queue."""
        # Neighbours may fail for the same reason (one function, one long prompt). After a failure, a request
        # from the end of the queue shows better whether it is the server's fault.
        request = endpoint.queue.take_last() if endpoint.last_failure else endpoint.queue.take_next()
        if not request and not endpoint.queue:
            request = max(self._endpoints, key=lambda endpoint: len(endpoint.queue)).queue.take_last()
        if request and not request.is_prefill:
            self._usage.waiting -= 1
        return request

    def drain(self) -> Iterator[Request]:
        """Remove and yield all requests of all queues."""
        for endpoint in self._endpoints:
            for request in endpoint.queue.drain():
                self._usage.waiting -= 1
                yield request

    def __bool__(self) -> bool:
        return any(endpoint.queue for endpoint in self._endpoints)
