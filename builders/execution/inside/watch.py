"""The watch over one process of a job: its frames as they arrive, and the budgets of its current input.

In: the pipe that a job writes to, and its process. Out: whole frames, and which budget or bound was exceeded,
if any. CPU time is read from the job's own clock, so that a loaded machine causes no timeout; the wall clock
is for jobs that only wait. Only the lengths of frames are interpreted here.
Not covered: what the frames say (`replies`, in the host).
"""

import mmap
import os
import resource
import select
import signal
import time

from builders.execution.inside.wire import LENGTH, MAX_RECORD_BYTES, REQUESTS

# Keep the real clocks: the zygote replaces them with virtual ones.
_monotonic, _clock_gettime, _sleep = time.monotonic, time.clock_gettime, time.sleep

_FORK_S = 10.0
_FORK_AGAIN_S = 0.05
_READ_BYTES = 2**16


def fork() -> int | None:
    """Fork, and return as `os.fork` does, or None if the system has no process or memory for ten seconds."""
    end_s = _monotonic() + _FORK_S
    while True:
        try:
            return os.fork()
        except OSError:
            if _monotonic() > end_s:
                return None
            _sleep(_FORK_AGAIN_S)


class Store:
    """A buffer for the bytes of one request, in memory pages of its own, wiped for the next request.

    Each job's process is a copy of the zygote and may read all of its memory. What an earlier job received or
    wrote must not remain there, as freed bytes of the heap would. Pages that are not `shared` are not part of
    the copy, and cost nothing when the zygote forks.
    """

    def __init__(self, shared: bool) -> None:
        self._is_shared = shared
        self.pages = self._new()
        self.end = 0

    def read(self, descriptor: int, most: int = _READ_BYTES) -> int:
        """Append what can be read now, up to `most` bytes. Return the number of bytes, 0 at the end."""
        self._make_room(most)
        with memoryview(self.pages) as view, view[self.end : self.end + most] as part:
            n_read = os.readv(descriptor, [part])
        self.end += n_read
        return n_read

    def append(self, other: "Store", span: tuple[int, int]) -> None:
        """Append the bytes of another store from start to end of `span`, without a copy in the heap."""
        start, end = span
        self._make_room(end - start)
        with memoryview(other.pages) as view, view[start:end] as part:
            self.pages[self.end : self.end + len(part)] = part
        self.end += end - start

    def _make_room(self, n_bytes: int) -> None:
        if self.end + n_bytes > len(self.pages):
            self.pages.resize(max(self.end + n_bytes, 2 * len(self.pages)))

    def clear(self) -> None:
        """Erase everything."""
        if len(self.pages) > _READ_BYTES:
            self.pages = self._new()
        elif self._is_shared:
            self.pages[: self.end] = bytes(self.end)
        self.end = 0

    def _new(self) -> mmap.mmap:
        pages = mmap.mmap(-1, _READ_BYTES, flags=mmap.MAP_PRIVATE)
        if not self._is_shared:
            pages.madvise(mmap.MADV_DONTFORK)
        return pages


class Frames:
    """The frames that a job writes, split by their lengths alone; only records stay in the store."""

    def __init__(self, store: Store, n_expected: int) -> None:
        self.n_expected = n_expected
        self.n_records = 0
        self.n_budget_starts = 0
        self._store = store
        self._start = self._kept = store.end  # the frames with a record are between these

    @property
    def n_bytes(self) -> int:
        """Length in bytes of the frames that hold a record."""
        return self._kept - self._start

    def read(self, results: int) -> bool:
        """Read from a job's pipe. Return whether it is still open."""
        return bool(self._store.read(results))

    @property
    def is_empty(self) -> bool:
        """Whether no whole frame has arrived."""
        return not (self.n_records or self.n_budget_starts)

    def split(self) -> tuple[bool, str | None]:
        """Split off whole frames. Return whether a call began or ended, and what is wrong, if anything."""
        pages, total = self._store.pages, self._store.end
        advanced, wrong, position = False, None, self._kept
        while total - position >= LENGTH.size and not wrong:
            (length,) = LENGTH.unpack_from(pages, position)
            end = position + LENGTH.size + length
            if length > MAX_RECORD_BYTES:
                wrong = "size"
                break
            if end > total:
                break
            if length:
                pages.move(self._kept, position, end - position)
                self._kept += end - position
                self.n_records += 1
                advanced = True
                wrong = "records" if self.n_records > self.n_expected else None
            else:
                self.n_budget_starts += 1
                # The next record may start one budget, and a shared module's first call another. More would
                # grant time beyond the budget.
                advanced = advanced or self.n_budget_starts <= self.n_records + 2
            position = end
        pages.move(self._kept, position, total - position)
        self._store.end = self._kept + total - position
        return advanced, wrong

    def finish(self) -> None:
        """Remove an incomplete frame from the end of the store."""
        self._store.end = self._kept


class Watch:
    """The CPU and wall-clock budgets of the input that is being worked on."""

    def __init__(self, child: int, cpu_s: float, wall_s: float) -> None:
        self.child = child
        self.cpu_limit_s = cpu_s
        self.wall_limit_s = wall_s
        self.restart()

    def restart(self) -> None:
        """Start both budgets again, from now."""
        self.cpu_start_s = self._cpu_s()
        self.wall_start_s = _monotonic()
        self.next_check_s = self.wall_start_s + min(self.cpu_limit_s, self.wall_limit_s)

    def spent_budget(self) -> str | None:
        """Return which budget is spent, "cpu" or "wall"; if none is, set the time of the next check."""
        now_s = _monotonic()
        if now_s < self.next_check_s:
            return None
        left_s = self.cpu_limit_s - (self._cpu_s() - self.cpu_start_s)
        wall_end_s = self.wall_start_s + self.wall_limit_s
        if left_s <= 0:
            return "cpu"
        if now_s >= wall_end_s:
            return "wall"
        self.next_check_s = min(wall_end_s, now_s + max(0.01, left_s))
        return None

    def wait(self) -> tuple[str | None, int, resource.struct_rusage]:
        """Wait for a process that closed its pipe but may go on. Return (spent budget, status, usage)."""
        n_checks = 0
        while True:
            child, status, usage = os.wait4(self.child, os.WNOHANG)
            if child:
                return None, status, usage
            if spent := self.spent_budget():
                return spent, status, usage
            n_checks += 1
            if n_checks > 20:
                _sleep(0.0005)

    def _cpu_s(self) -> float:
        return _clock_gettime((~self.child << 3) | 2)  # the CPU clock of another process


def collect(results: int, frames: Frames, watch: Watch) -> str | None:
    """Read frames until the job closes its pipe. Return the budget or bound that it exceeded, if any."""
    poll = select.poll()
    poll.register(results, select.POLLIN)
    poll.register(REQUESTS, 0)  # hangs up when the host is gone
    while True:
        if spent := watch.spent_budget():
            return spent
        for descriptor, _ in poll.poll(1000 * max(0.0, watch.next_check_s - _monotonic()) + 1):
            if descriptor == REQUESTS:
                os.kill(watch.child, signal.SIGKILL)
                os._exit(0)
            if not frames.read(results):
                return None
            advanced, wrong = frames.split()
            if wrong:
                return wrong
            if advanced:
                watch.restart()
