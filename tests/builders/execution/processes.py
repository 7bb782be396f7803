"""The processes that the kernel lists."""

import contextlib
import os
import signal
from collections.abc import Collection
from pathlib import Path


def descendants(process: int) -> list[int]:
    """Process ids below `process`."""
    found = []
    try:
        for task in Path(f"/proc/{process}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += [int(child), *descendants(int(child))]
    except OSError:
        pass
    return found


def others(before: Collection[int]) -> list[int]:
    """What is below this process that was not there before: other tests may have left pools at work."""
    return [process for process in descendants(os.getpid()) if process not in before]


def is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def kill(process: int) -> None:
    with contextlib.suppress(ProcessLookupError):  # gone with its parent
        os.kill(process, signal.SIGKILL)


def n_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def resident_kb(process: int) -> int:
    """Memory in use; 0 where the process is gone."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), 0)
