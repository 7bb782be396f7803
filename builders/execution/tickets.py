"""The host's records of open requests and of the zygotes that hold them.

In: replies as they arrive. Out: which request each reply answers, which request has to be sent again, and
which is given up. Not covered: which zygote gets which request (`pool`), and the pipes (`link`).
Tested in tests/builders/execution/test_pool.py.
"""

import json
import time
from collections import deque
from typing import NamedTuple

from builders.execution.inside.environments import Environment
from builders.execution.inside.wire import UNABLE
from builders.execution.link import CannotStart, Link
from builders.execution.preload import Kind

_START_S = 120.0  # enough to import the scientific packages, uncached, on a busy machine
_SILENCE_S = 60.0  # on top of the longest time that a request may take
_MAX_LOST = 4  # zygotes that one request may lose: other processes may have killed some of them
_MAX_NOT_STARTED = 30  # times that the system has no process for a request; each is a wait of ten seconds


class ZygoteSpec(NamedTuple):
    """The kind of zygote and the environment that a request needs."""

    kind: Kind
    environment: Environment


class Request(NamedTuple):
    """A request for a zygote: its spec, its bytes, how many inputs they hold, and how long it may take."""

    spec: ZygoteSpec
    data: bytes
    n_inputs: int
    max_duration_s: float


class Ticket:
    """An open request, and its reply when it is done."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.reply: bytes | None = None
        self.is_done = False
        self.n_lost = 0
        self.n_not_started = 0

    @property
    def is_starved(self) -> bool:
        """Whether the request was given up because the system had no process for it."""
        return self.n_not_started == _MAX_NOT_STARTED

    def finish(self, reply: bytes | None) -> None:
        """Set the reply; None if the request lost its zygotes."""
        self.reply = reply
        self.is_done = True

    def count_failed_attempt(self, has_run: bool) -> None:
        """Count an attempt without a reply, and give the request up after too many.

        The request may be the cause if it lost a zygote that may have run its code (`has_run`), but not if
        the system had no process for it.
        """
        self.n_lost += has_run
        self.n_not_started += not has_run
        if self.n_lost == _MAX_LOST or self.is_starved:
            self.finish(None)


class Zygote:
    """A zygote (a fork server), the tickets that it holds, and since when the host has waited for a reply."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.tickets: deque[Ticket] = deque()
        self.is_ready = False
        self.waiting_since_s = time.monotonic()

    @property
    def is_silent(self) -> bool:
        """Whether the zygote has taken longer than its start or its oldest request may take."""
        allowed_s = _SILENCE_S + self.tickets[0].request.max_duration_s if self.is_ready else _START_S
        return time.monotonic() - self.waiting_since_s > allowed_s

    def take(self, reply: bytes) -> Ticket | None:
        """Take the next reply; return the oldest ticket if the reply says that it did not run.

        The first reply says whether the zygote is ready; each later one is about the oldest ticket.
        """
        self.waiting_since_s = time.monotonic()
        if not self.is_ready:
            if "error" in (status := json.loads(reply)):
                raise CannotStart(status["error"])
            self.is_ready = True
        elif reply == UNABLE:
            return self.tickets.popleft()
        else:
            self.tickets.popleft().finish(reply)
        return None
