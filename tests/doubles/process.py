"""Child processes that end with the tests at the latest, and write their output to a log file.

In: a command, a log file, variables to add to the environment. Out: a process, or `CommandFailed` with the
log's last lines. Linux only.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

PR_SET_PDEATHSIG = 1
# For children to end after their parent, and for Python's resource tracker to remove their semaphores.
GRACE_S = 5
LIBC = ctypes.CDLL(None)  # loaded here, because libraries cannot be searched for between fork and exec


class CommandFailed(RuntimeError):
    """A command failed, or a server did not start; the message names it and has the end of its log."""


def start(command: Sequence[str | Path], log: Path, variables: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start `command` in a new process group, with its output appended to `log`.

    Ctrl+C does not reach the group, so its owner can stop it cleanly; if the owner is killed, the kernel
    kills the command.
    """
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **variables},
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )


def run(command: Sequence[str | Path], log: Path, variables: Mapping[str, str] | None = None) -> None:
    """Run `command` and wait for its end.

    Raises:
        CommandFailed: its exit code is not 0.
    """
    process = start(command, log, variables or {})
    try:
        exit_code = process.wait()
    finally:
        kill(process)
    if exit_code != 0:
        raise CommandFailed(failure(f"exit code {exit_code} of {' '.join(map(str, command))}", log))


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill `process` and the other processes of its group; it may have ended already."""
    process.kill()
    process.wait()
    deadline = time.monotonic() + GRACE_S
    while members(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def members(group: int) -> list[int]:
    """Return the ids of the running processes of a process group."""
    pids = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):  # the process has ended in the meantime
                # pid (name) state parent group ...; the name may hold spaces and brackets
                state, _, its_group = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
                if int(its_group) == group and state != "Z":
                    pids.append(int(folder.name))
    return pids


def failure(problem: str, log: Path, n_lines: int = 30) -> str:
    """Return `problem` with the last `n_lines` of `log` below it."""
    lines = log.read_text(errors="replace").splitlines()[-n_lines:]
    return "\n".join([f"{problem}; the end of {log}:", *lines])


def _die_with_parent() -> None:
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
