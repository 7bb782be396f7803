"""The pool of zygotes (fork servers): it sends requests to them and returns their replies in order.

In: requests. Out: replies. A request's spec names the kind of zygote and the environment that it needs. There
are up to `workers` zygotes for each spec, started when there is work for them. A zygote that dies or stops
answering is replaced. Its requests are sent again, and so is a request for which the system had no process.
The reply to a request that repeatedly loses its zygote is None. Threads can share a pool; a forked process
closes its copy, and needs a pool of its own.
"""

import contextlib
import os
import select
import threading
import time
import weakref
from collections import deque
from collections.abc import Iterable, Iterator

from builders.errors import CodeioError
from builders.execution.link import CannotStart, Link, LinkLost
from builders.execution.tickets import Request, Ticket, Zygote, ZygoteSpec

_MAX_HELD = 2  # requests that a zygote holds: one runs and one waits, so that it is never idle
_WINDOW = 8  # open requests for each worker and environment: limits the replies that wait for their turn
_START_COST_S = 0.1  # CPU time that it takes to start a zygote
_MAX_FAILED_STARTS = 5  # zygotes in a row that end without a message before they are ready
_POLL_MS = 50  # the longest that a thread waits while it holds the lock
_YIELD_S = 1e-4  # pause between turns if threads share the pool: a lock may go to the same one again


class WorkerLost(CodeioError, RuntimeError):
    """The error of a sandbox whose workers do not start, cannot fork, or were closed; the message says which.

    Example:
        >>> from builders.execution import Job, Sandbox
        >>> sandbox = Sandbox()
        >>> results = sandbox.run_many([Job("def f(n): return n", "f", ["1"])] * 100)
        >>> next(results)[0].output
        '1'
        >>> sandbox.close()
        >>> list(results)
        Traceback (most recent call last):
        ...
        builders.execution.pool.WorkerLost: the sandbox was closed, or belongs to another process: ...
    """

    def sentence(self) -> str:
        """Return the sentence that the command prints as it ends."""
        return f"The sandbox failed ({self}). Run the same command again to continue."


class Pool:
    """The zygotes of one tier."""

    def __init__(self, layers: tuple[str, ...], workers: int) -> None:
        self.layers = layers
        self.workers = workers
        self._lock = threading.RLock()
        self._is_closed = False
        self._n_failed_starts = 0
        self._n_streams = 0
        self._zygotes: dict[ZygoteSpec, list[Zygote]] = {}
        self._backlog: dict[ZygoteSpec, deque[Ticket]] = {}
        self._backlogged_since_s: dict[ZygoteSpec, float] = {}
        self._finalizer = weakref.finalize(self, _close, self._zygotes, os.getpid())
        _POOLS.add(self)

    def stream(
        self, requests: Iterable[Request], n_environments: int = 1
    ) -> Iterator[tuple[int, bytes | None]]:
        """Yield the number of inputs and the reply of each request, in order.

        Requests are read only as far ahead as keeps the workers of `n_environments` environments busy.
        """
        waiting: deque[Ticket] = deque()
        remaining_requests = iter(requests)
        has_more = True
        with self._lock:
            self._n_streams += 1
        try:
            while True:
                while has_more and len(waiting) < _WINDOW * self.workers * n_environments:
                    request = next(remaining_requests, None)
                    if request is None:
                        has_more = False
                    else:
                        waiting.append(self._submit(request))
                if not waiting:
                    return
                while not waiting[0].is_done:
                    self._advance()
                    if self._n_streams > 1:
                        time.sleep(_YIELD_S)
                ticket = waiting.popleft()
                if ticket.is_starved:
                    raise WorkerLost("a sandbox worker can start no process: processes or memory are used up")
                yield ticket.request.n_inputs, ticket.reply
        except KeyboardInterrupt:
            with self._lock:
                self._start_over()
                self._abandon(waiting)
            raise
        finally:
            with self._lock:
                self._n_streams -= 1
            self._abandon(waiting)

    def close(self) -> None:
        """End all zygotes for good; a thread that still waits for a reply gets WorkerLost."""
        with self._lock:
            self._is_closed = True
            _close(self._zygotes, os.getpid())

    def detach(self) -> None:
        """Close a forked child's copies of the pipes, which belong to its parent."""
        self._is_closed = True
        for zygotes in self._zygotes.values():
            for zygote in zygotes:
                zygote.link.close_pipes()
        self._zygotes.clear()

    def _submit(self, request: Request) -> Ticket:
        ticket = Ticket(request)
        with self._lock:
            self._refuse_if_closed()
            if request.n_inputs:
                self._backlog.setdefault(request.spec, deque()).append(ticket)
                self._assign()
            else:
                ticket.finish(None)
        return ticket

    def _abandon(self, tickets: Iterable[Ticket]) -> None:
        with self._lock:
            for ticket in tickets:
                with contextlib.suppress(KeyError, ValueError):
                    self._backlog[ticket.request.spec].remove(ticket)

    def _assign(self) -> None:
        """Give waiting tickets to the least busy zygotes; start more zygotes if that is worth the time."""
        for spec, backlog in self._backlog.items():
            zygotes = self._zygotes.setdefault(spec, [])
            while backlog:
                zygote = min(zygotes, key=lambda zygote: len(zygote.tickets), default=None)
                can_start = len(zygotes) < self.workers
                if zygote is None or (zygote.tickets and can_start and self._is_backlogged(spec)):
                    zygote = self._start(spec)
                if len(zygote.tickets) >= (1 if can_start else _MAX_HELD):  # a held ticket cannot move
                    break
                self._give(zygote, backlog.popleft())
            else:
                self._backlogged_since_s.pop(spec, None)

    def _is_backlogged(self, spec: ZygoteSpec) -> bool:
        """Return whether tickets have waited for busy zygotes for about as long as one takes to start."""
        if not any(zygote.is_ready for zygote in self._zygotes[spec]):
            return False
        now_s = time.monotonic()
        return now_s - self._backlogged_since_s.setdefault(spec, now_s) > _START_COST_S

    def _start_over(self) -> None:
        """End all zygotes after an interruption, which may have cut off a request or a reply.

        Nobody needs what they are running for the interrupted call; other threads' requests are sent again.
        """
        with self._lock:
            for spec, zygotes in self._zygotes.items():
                for zygote in zygotes:
                    zygote.link.close(at_once=True)
                    open_tickets = [ticket for ticket in zygote.tickets if not ticket.is_done]
                    self._backlog[spec].extendleft(reversed(open_tickets))  # other threads wait for these
                zygotes.clear()

    def _start(self, spec: ZygoteSpec) -> Zygote:
        try:
            zygote = Zygote(Link(self.layers, spec.kind, spec.environment))
        except LinkLost as error:
            raise WorkerLost(f"a sandbox worker cannot be started: {error}") from error
        self._zygotes[spec].append(zygote)
        return zygote

    def _give(self, zygote: Zygote, ticket: Ticket) -> None:
        if not zygote.tickets and zygote.is_ready:
            zygote.waiting_since_s = time.monotonic()
        zygote.tickets.append(ticket)
        zygote.link.send(ticket.request.data)

    def _advance(self) -> None:
        """Wait up to `_POLL_MS` for the zygotes, then send requests and take replies."""
        with self._lock:
            self._refuse_if_closed()
            self._assign()
            busy = [(spec, zygote) for spec, zygotes in self._zygotes.items() for zygote in zygotes]
            busy = [(spec, zygote) for spec, zygote in busy if zygote.tickets]
            if not busy:
                return
            poll = select.poll()
            for _, zygote in busy:
                poll.register(zygote.link.reply_pipe, select.POLLIN)
                if zygote.link.has_unsent_bytes:
                    poll.register(zygote.link.request_pipe, select.POLLOUT)
            ready = {descriptor for descriptor, _ in poll.poll(_POLL_MS)}
            for spec, zygote in busy:
                try:
                    if zygote.link.request_pipe in ready:
                        zygote.link.flush()
                    if zygote.link.reply_pipe in ready:
                        for reply in zygote.link.receive():
                            if unrun_ticket := zygote.take(reply):
                                self._put_back(spec, deque([unrun_ticket]), has_run=False)
                        if zygote.is_ready:
                            self._n_failed_starts = 0
                    elif zygote.is_silent:
                        raise (LinkLost if zygote.is_ready else CannotStart)("it does not answer")
                except LinkLost as error:
                    self._replace(spec, zygote, error)
            self._assign()

    def _refuse_if_closed(self) -> None:
        if self._is_closed:
            raise WorkerLost("the sandbox was closed, or belongs to another process: start the call again")

    def _replace(self, spec: ZygoteSpec, zygote: Zygote, error: LinkLost) -> None:
        """Put a lost zygote's tickets back; the first, which it was running, may be the cause of the loss."""
        self._zygotes[spec].remove(zygote)
        zygote.link.close(at_once=True)
        tickets, zygote.tickets = zygote.tickets, deque()
        if not zygote.is_ready:
            self._n_failed_starts += 1
            self._backlog[spec].extendleft(reversed(tickets))
            if isinstance(error, CannotStart) or self._n_failed_starts >= _MAX_FAILED_STARTS:
                self._n_failed_starts = 0
                raise WorkerLost(f"a sandbox worker did not start: {error}") from error
            return
        self._put_back(spec, tickets, has_run=True)

    def _put_back(self, spec: ZygoteSpec, tickets: deque[Ticket], has_run: bool) -> None:
        tickets[0].count_failed_attempt(has_run)
        if tickets[0].is_done:
            tickets.popleft()
        self._backlog[spec].extendleft(reversed(tickets))


def _close(zygotes: dict[ZygoteSpec, list[Zygote]], owner: int) -> None:
    if os.getpid() != owner:
        return
    links = [zygote.link for zygotes_of_spec in zygotes.values() for zygote in zygotes_of_spec]
    zygotes.clear()
    for link in links:
        link.close_pipes()  # all pipes first, so that the zygotes end at the same time
    for link in links:
        link.close()


def _detach_all() -> None:
    for pool in list(_POOLS):
        pool.detach()


_POOLS: "weakref.WeakSet[Pool]" = weakref.WeakSet()
if hasattr(os, "register_at_fork"):  # absent on Windows, where the sandbox can be imported but refuses to run
    os.register_at_fork(after_in_child=_detach_all)
