"""A request under way, and the zygote that holds it, as the host keeps account of them.

In: replies as they come. Out: which request they answer, which has to be sent again, and which never will be
answered. Not covered: which zygote gets which request (`pool`), and the pipes (`link`).
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

_START_S = 120.0  # a cold scientific stack on a loaded machine
_SILENCE_S = 60.0  # on top of the longest time that a request may take
_MOST_LOST = 4  # zygotes for one request: some may have been killed by others
_MOST_RETURNS = 30  # of a request that was not begun, each after ten seconds where no process can be had


class Place(NamedTuple):
    """Where a request may run."""

    kind: Kind
    environment: Environment


class Request(NamedTuple):
    """Bytes for a zygote, where to, how many inputs they hold, and how long they may take."""

    place: Place
    data: bytes
    n_inputs: int
    longest_s: float


class Ticket:
    """A request under way."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.reply: bytes | None = None
        self.is_done = False
        self.n_lost = 0
        self.n_returned = 0

    @property
    def is_starved(self) -> bool:
        """Whether no process could be had for it, time and again."""
        return self.n_returned == _MOST_RETURNS

    def finish(self, reply: bytes | None) -> None:
        """Answer it; None where its zygotes were lost."""
        self.reply = reply
        self.is_done = True

    def come_back(self, has_run: bool) -> None:
        """It was not answered; only if its code may have run can that be its own doing."""
        self.n_lost += has_run
        self.n_returned += not has_run
        if self.n_lost == _MOST_LOST or self.is_starved:
            self.finish(None)


class Zygote:
    """A zygote with the tickets it holds."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.tickets: deque[Ticket] = deque()
        self.is_ready = False
        self.since_s = time.monotonic()

    @property
    def is_silent(self) -> bool:
        """Whether it takes longer than it can."""
        allowed_s = _SILENCE_S + self.tickets[0].request.longest_s if self.is_ready else _START_S
        return time.monotonic() - self.since_s > allowed_s

    def take(self, reply: bytes) -> Ticket | None:
        """The first reply tells that it serves; later ones are about the oldest ticket, returned if unrun."""
        self.since_s = time.monotonic()
        if not self.is_ready:
            if "error" in (told := json.loads(reply)):
                raise StartRefused(told["error"])
            self.is_ready = True
        elif reply == UNABLE:
            return self.tickets.popleft()
        else:
            self.tickets.popleft().finish(reply)
        return None
