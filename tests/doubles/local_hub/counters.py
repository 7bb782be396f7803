"""What a hub was asked and sent, for tests to look at.

In: every request before its reply is sent, every content that came whole. Out: numbers.
"""

import re
import threading
from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True)
class Exchange:
    """A request and what came of it; `status` is None where the connection was lost before a whole reply."""

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
    """Safe for threads; `clear` begins anew."""

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
        """Contents that came to LFS, in the order of their arrival."""
        with self._lock:
            return list(self._uploads)

    @property
    def n_uploaded_bytes(self) -> int:
        return sum(upload.n_bytes for upload in self.uploads)

    @property
    def n_requests(self) -> Counter[str]:
        """How many requests came to each route, such as `GET /api/datasets/{repo}/refs`."""
        return Counter(f"{exchange.method} {exchange.route}" for exchange in self.exchanges)

    def statuses(self, method: str, path: str) -> list[int | None]:
        """What became of the requests whose path has a match of the pattern `path`, in order."""
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
