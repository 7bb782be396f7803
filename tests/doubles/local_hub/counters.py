"""Counts of a hub's requests and uploads, for tests to check.

In: every request before its reply is sent, and every complete upload. Out: lists and counts of them.
"""

import re
import threading
from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True)
class ServedRequest:
    """A request with the status of its reply; None if the connection was lost before the end of the reply."""

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
        self._requests: list[ServedRequest] = []
        self._uploads: list[Upload] = []

    @property
    def requests(self) -> list[ServedRequest]:
        with self._lock:
            return list(self._requests)

    @property
    def uploads(self) -> list[Upload]:
        """Return the contents that were uploaded to LFS, in order of arrival."""
        with self._lock:
            return list(self._uploads)

    @property
    def n_uploaded_bytes(self) -> int:
        return sum(upload.n_bytes for upload in self.uploads)

    @property
    def n_requests(self) -> Counter[str]:
        """Return the number of requests to each route, such as `GET /api/datasets/{repo}/refs`."""
        return Counter(f"{request.method} {request.route}" for request in self.requests)

    def statuses(self, method: str, path: str) -> list[int | None]:
        """Return, in order, the statuses of the requests whose path contains the pattern `path`."""
        return [
            request.status
            for request in self.requests
            if request.method == method and re.search(path, request.path)
        ]

    def record(self, event: ServedRequest | Upload) -> None:
        with self._lock:
            if isinstance(event, Upload):
                self._uploads.append(event)
            else:
                self._requests.append(event)

    def clear(self) -> None:
        with self._lock:
            self._requests.clear()
            self._uploads.clear()
