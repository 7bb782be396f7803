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
from builders.execution.link import Link, StartRefused
from builders.execution.preload import Kind

_START_S = 120.0  # enough to import the scientific packages, uncached, on a busy machine
_SILENCE_S = 60.0  # on top of the longest time that a request may take
_MAX_LOST = 4  # zygotes that one request may lose: other processes may have killed some of them
_MAX_RETURNS = 30  # of a request that did not start; each takes ten seconds if no process can be had


class Place(NamedTuple):
    """The kind of zygote and the environment that a request needs."""

    kind: Kind
    environment: Environment


class Request(NamedTuple):
    """A request for a zygote: its place, its bytes, how many inputs they hold, and how long it may take."""

    place: Place
    data: bytes
    n_inputs: int
    longest_s: float


class Ticket:
    """An open request, and its reply when it is done."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.reply: bytes | None = None
        self.is_done = False
        self.n_lost = 0
        self.n_returned = 0

    @property
    def is_starved(self) -> bool:
        """Whether the system had no process for the request, as often as is allowed."""
        return self.n_returned == _MAX_RETURNS

    def finish(self, reply: bytes | None) -> None:
        """Set the reply; None if the request lost its zygotes."""
        self.reply = reply
        self.is_done = True

    def come_back(self, has_run: bool) -> None:
        """Count a return without a reply; the request can be the cause only if its code may have run."""
        self.n_lost += has_run
        self.n_returned += not has_run
        if self.n_lost == _MAX_LOST or self.is_starved:
            self.finish(None)


class Zygote:
    """A zygote (a fork server), the tickets that it holds, and the time of its last sign of life."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.tickets: deque[Ticket] = deque()
        self.is_ready = False
        self.since_s = time.monotonic()

    @property
    def is_silent(self) -> bool:
        """Whether it has taken longer than its start or its oldest request allows."""
        allowed_s = _SILENCE_S + self.tickets[0].request.longest_s if self.is_ready else _START_S
        return time.monotonic() - self.since_s > allowed_s

    def take(self, reply: bytes) -> Ticket | None:
        """Take the next reply; return the oldest ticket if the reply says that it did not run.

        The first reply says whether the zygote is ready; each later one is about the oldest ticket.
        """
        self.since_s = time.monotonic()
        if not self.is_ready:
            if "error" in (status := json.loads(reply)):
                raise StartRefused(status["error"])
            self.is_ready = True
        elif reply == UNABLE:
            return self.tickets.popleft()
        else:
            self.tickets.popleft().finish(reply)
        return None
