"""Faults that a test asks for: the next requests of a kind are refused, or lose their connection.

In: a method, a pattern that is searched for in the quoted path, and the number of requests that fail. Out:
for each request its next fault, if any. A fault happens before the endpoint does anything, except
`lose_reply`: the request is carried out, but its reply is lost or cut off.
"""

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from .errors import Refused

MESSAGES = {
    409: "Conflict: another commit is in progress.",
    412: "A commit has happened since. Please refresh and try again.",
    429: "We had to rate limit you.",
    500: "Internal Error - We're working hard to fix this as soon as possible!",
}


@dataclass
class Fault:
    method: str
    path: str
    n_left: int
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    n_bytes: int | None = None  # of the body, read before the connection is lost
    n_reply_bytes: int | None = None  # of the reply's body, sent before the loss; -1: not even its head
    action: Callable[[], object] | None = None

    def refusal(self) -> Refused:
        return Refused(self.status, MESSAGES.get(self.status, "A fault"), headers=self.headers)


class Faults:
    """The faults that have not happened yet; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def refuse(
        self, method: str, path: str, status: int, times: int = 1, retry_after_s: int | None = None
    ) -> None:
        """Answer the next requests with `status`."""
        headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
        self._add(Fault(method, path, times, status, headers))

    def drop(self, method: str, path: str, n_bytes: int = 0, times: int = 1) -> None:
        """Lose the connection after `n_bytes` of the request's body."""
        self._add(Fault(method, path, times, n_bytes=n_bytes))

    def lose_reply(self, method: str, path: str, n_bytes: int = -1, times: int = 1) -> None:
        """Carry out the request, but lose the connection after `n_bytes` of the reply (-1: before it)."""
        self._add(Fault(method, path, times, n_reply_bytes=n_bytes))

    def precede(self, method: str, path: str, action: Callable[[], object]) -> None:
        """Call `action` just before the request is answered, for example to make somebody else's commit."""
        self._add(Fault(method, path, 1, action=action))

    @property
    def n_left(self) -> int:
        """Return how many requests are still to fail; a test that ends before that has tested too little."""
        with self._lock:
            return sum(fault.n_left for fault in self._faults)

    def take(self, method: str, path: str) -> Fault | None:
        """Return the first fault for this request, and count it as used once."""
        with self._lock:
            for fault in self._faults:
                if fault.n_left and fault.method == method and re.search(fault.path, path):
                    fault.n_left -= 1
                    return fault
        return None

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def _add(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(fault)
