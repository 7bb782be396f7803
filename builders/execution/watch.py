"""Starting one process of a job and watching it: its frames as they come, the budgets of the input it is at.

In: the pipe a job writes to, and its process. Out: whole frames, and which budget or bound was passed, if
any. CPU time is read off the job's own clock, so that a loaded machine makes no timeout; the wall clock is
for those who only wait. Nothing but the lengths of frames is interpreted here.
Not covered: what the frames say (`records`, in the host).
"""

import os
import resource
import select
import signal
import time

from builders.execution.wire import LENGTH, MAX_RECORD_BYTES, REQUESTS

# The real clocks: the zygote puts virtual ones in their place.
_monotonic, _clock_gettime, _sleep = time.monotonic, time.clock_gettime, time.sleep

_FORK_S = 10.0
_FORK_AGAIN_S = 0.05


def fork() -> int | None:
    """Fork, or wait while others have taken all processes or memory; None if that lasts."""
    end_s = _monotonic() + _FORK_S
    while True:
        try:
            return os.fork()
        except OSError:
            if _monotonic() > end_s:
                return None
            _sleep(_FORK_AGAIN_S)


class Frames:
    """Splits what a job writes into frames, by their lengths alone."""

    def __init__(self, n_expected: int) -> None:
        self.n_expected = n_expected
        self.n_records = 0
        self.n_begun = 0
        self.records = bytearray()  # whole frames that hold a record
        self._rest = bytearray()

    def add(self, chunk: bytes) -> tuple[bool, str | None]:
        """Return whether a call began or ended, and what is wrong if something is."""
        self._rest += chunk
        moved, wrong, position = False, None, 0
        while len(self._rest) - position >= LENGTH.size and not wrong:
            (length,) = LENGTH.unpack_from(self._rest, position)
            end = position + LENGTH.size + length
            if length > MAX_RECORD_BYTES:
                wrong = "size"
            elif end > len(self._rest):
                break
            elif length:
                self.records += self._rest[position:end]
                self.n_records += 1
                moved = True
                wrong = "records" if self.n_records > self.n_expected else None
            else:
                self.n_begun += 1
                # one call for each record and one rehearsal: more would be time that nobody granted
                moved = moved or self.n_begun <= self.n_records + 2
            position = end
        del self._rest[:position]
        return moved, wrong


class Watch:
    """The budgets of the input that is being worked on."""

    def __init__(self, child: int, cpu_s: float, wall_s: float) -> None:
        self.child = child
        self.cpu_limit_s = cpu_s
        self.wall_limit_s = wall_s
        self.restart()

    def restart(self) -> None:
        """Give the full budgets from now on."""
        self.cpu_start_s = self._cpu_s()
        self.wall_start_s = _monotonic()
        self.look_at_s = self.wall_start_s + min(self.cpu_limit_s, self.wall_limit_s)

    def spent(self) -> str | None:
        """Return which budget is spent, or None and a new time to look again."""
        now_s = _monotonic()
        if now_s < self.look_at_s:
            return None
        left_s = self.cpu_limit_s - (self._cpu_s() - self.cpu_start_s)
        wall_end_s = self.wall_start_s + self.wall_limit_s
        if left_s <= 0:
            return "cpu"
        if now_s >= wall_end_s:
            return "wall"
        self.look_at_s = min(wall_end_s, now_s + max(0.01, left_s))
        return None

    def wait(self) -> tuple[str | None, int, resource.struct_rusage]:
        """Wait for a process that closed its pipe, which may go on all the same: (budget, status, usage)."""
        n_looks = 0
        while True:
            child, status, usage = os.wait4(self.child, os.WNOHANG)
            if child:
                return None, status, usage
            if spent := self.spent():
                return spent, status, usage
            n_looks += 1
            if n_looks > 20:
                _sleep(0.0005)

    def _cpu_s(self) -> float:
        return _clock_gettime((~self.child << 3) | 2)  # the CPU clock of another process


def collect(results: int, frames: Frames, watch: Watch) -> str | None:
    """Read frames until the job closes its pipe (None), or a budget or bound is passed (which one)."""
    poll = select.poll()
    poll.register(results, select.POLLIN)
    poll.register(REQUESTS, 0)  # hangs up when the host is gone
    while True:
        if spent := watch.spent():
            return spent
        for descriptor, _ in poll.poll(1000 * max(0.0, watch.look_at_s - _monotonic()) + 1):
            if descriptor == REQUESTS:
                os.kill(watch.child, signal.SIGKILL)
                os._exit(0)
            chunk = os.read(results, 65536)
            if not chunk:
                return None
            moved, wrong = frames.add(chunk)
            if wrong:
                return wrong
            if moved:
                watch.restart()
