"""Counts of a hub's requests and uploads, for tests to check.

In: every request before its reply is sent, and every complete upload. Out: numbers.
"""

import re
import threading
from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True)
class Exchange:
    """A request with its status, None if the connection was lost before the reply was complete."""

    method: str
    path: str
    route: str  # as declared by the endpoint, such as `/api/datasets/{repo}/refs`
    status: int | None
    n_bytes: int  # of the request's body


@dataclass(frozen=True)
class Upload:
    sha256: str
    n_bytes: int


class Counters:
    """The requests and uploads since the start or the last `clear`; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._exchanges: list[Exchange] = []
        self._uploads: list[Upload] = []

    @property
    def exchanges(self) -> list[Exchange]:
        with self._lock:
            return list(self._exchanges)

    @property
    def uploads(self) -> list[Upload]:
        """Contents that were uploaded to LFS, in order of arrival."""
        with self._lock:
            return list(self._uploads)

    @property
    def n_uploaded_bytes(self) -> int:
        return sum(upload.n_bytes for upload in self.uploads)

    @property
    def n_requests(self) -> Counter[str]:
        """Number of requests to each route, such as `GET /api/datasets/{repo}/refs`."""
        return Counter(f"{exchange.method} {exchange.route}" for exchange in self.exchanges)

    def statuses(self, method: str, path: str) -> list[int | None]:
        """Return the statuses of requests whose path matches the pattern `path` somewhere, in order."""
        return [
            exchange.status
            for exchange in self.exchanges
            if exchange.method == method and re.search(path, exchange.path)
        ]

    def add(self, event: Exchange | Upload) -> None:
        with self._lock:
            if isinstance(event, Upload):
                self._uploads.append(event)
            else:
                self._exchanges.append(event)

    def clear(self) -> None:
        with self._lock:
            self._exchanges.clear()
            self._uploads.clear()
