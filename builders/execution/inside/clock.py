"""A virtual clock: in every run, the time starts at the same moment and advances by one tick per reading.

The zygote installs it once. `time`, `datetime` and event loops follow it, and a sleep returns at once. Two
runs with different starts and ticks differ in every value that depends on a clock. Not covered: numpy's own
"now", which reads the clock in C (`proof` accepts no such code), and waiting for threads, which takes real
time.
Tested in tests/builders/execution/test_proof.py.
"""

import _thread
import ctypes
import datetime
import gc
import selectors
import time
from collections.abc import Callable
from typing import Any

EPOCH_S = 1_700_000_000.0


class VirtualClock:
    """A clock in seconds since 1970 that advances by one tick at each reading."""

    def __init__(self, start_s: float, tick_s: float) -> None:
        self._start_s = start_s
        self._tick_s = tick_s
        self._now_s = start_s

    def reset(self) -> None:
        """Set the clock back to its start, so that no run sees how long the previous run took."""
        self._now_s = self._start_s

    def now(self) -> float:
        """Advance by one tick and return the time."""
        self._now_s += self._tick_s
        return self._now_s

    def elapsed(self) -> float:
        """Advance by one tick and return the seconds since the start, plus one, as a monotonic clock."""
        return self.now() - self._start_s + 1.0

    def sleep(self, seconds: float) -> None:
        """Advance by that many seconds and return at once."""
        if seconds < 0:
            raise ValueError("sleep length must be non-negative")
        self._now_s += seconds

    def install(self) -> None:
        """Replace the real clock with this one, for the whole process."""
        _replace_time_functions(self)
        _replace_on_type(datetime.datetime, "now", lambda cls, tz=None: cls.fromtimestamp(self.now(), tz))
        _replace_on_type(datetime.datetime, "utcnow", _utc_now(self))
        for name in ("EpollSelector", "PollSelector", "SelectSelector"):
            selector = getattr(selectors, name)
            selector.select = _skipping_select(self, selector.select)


def _replace_time_functions(clock: VirtualClock) -> None:
    real_localtime, real_gmtime, real_strftime, real_asctime = (
        time.localtime,
        time.gmtime,
        time.strftime,
        time.asctime,
    )

    def localtime(seconds: float | None = None, /) -> time.struct_time:
        return real_localtime(clock.now() if seconds is None else seconds)

    def gmtime(seconds: float | None = None, /) -> time.struct_time:
        return real_gmtime(clock.now() if seconds is None else seconds)

    def strftime(form: str, moment: Any = None, /) -> str:
        return real_strftime(form, localtime() if moment is None else moment)

    def asctime(moment: Any = None, /) -> str:
        return real_asctime(localtime() if moment is None else moment)

    def ctime(seconds: float | None = None, /) -> str:
        return real_asctime(localtime(seconds))

    def clock_gettime(clock_id: int, /) -> float:
        return clock.now() if clock_id == time.CLOCK_REALTIME else clock.elapsed()

    replacements: dict[str, Callable[..., Any]] = {
        "time": clock.now,
        "sleep": clock.sleep,
        "localtime": localtime,
        "gmtime": gmtime,
        "strftime": strftime,
        "asctime": asctime,
        "ctime": ctime,
        "clock_gettime": clock_gettime,
    }
    for name in ("monotonic", "perf_counter", "process_time", "thread_time"):
        replacements[name] = clock.elapsed
    for name in ("time", "clock_gettime", "monotonic", "perf_counter", "process_time", "thread_time"):
        replacements[name + "_ns"] = _in_nanoseconds(replacements[name])
    for name, function in replacements.items():
        setattr(time, name, function)


def _in_nanoseconds(seconds: Callable[..., float]) -> Callable[..., int]:
    return lambda *arguments: int(seconds(*arguments) * 1e9)


def _utc_now(clock: VirtualClock) -> Callable[[Any], datetime.datetime]:
    def utcnow(cls: Any) -> datetime.datetime:
        moment: datetime.datetime = cls.fromtimestamp(clock.now(), datetime.UTC)
        return moment.replace(tzinfo=None)

    return utcnow


def _replace_on_type(kind: type, name: str, function: Callable[..., Any]) -> None:
    """Replace a class method of a C type in place; a subclass would show in repr, type() and pickles."""
    gc.get_referents(kind.__dict__)[0][name] = classmethod(function)
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(kind))


def _skipping_select(clock: VirtualClock, select: Callable[..., Any]) -> Callable[..., Any]:
    """Return a `select` that skips the time it would wait, unless there are other threads to wait for."""

    def skipping(self: Any, timeout: float | None = None) -> Any:
        if timeout is None or timeout <= 0:
            return select(self, timeout)
        ready = select(self, timeout if _thread._count() else 0)
        if not ready:
            clock.sleep(timeout)
        return ready

    return skipping
