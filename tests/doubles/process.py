"""Child processes that never outlive the tests, with their output in a log file.

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
GRACE_S = 5  # for children to end with their parent, and for Python's tracker to remove their semaphores
LIBC = ctypes.CDLL(None)  # loaded here: between fork and exec, libraries cannot be searched for


class CommandFailed(RuntimeError):
    """A command failed, or a server did not start; the message names it and shows the end of its log."""


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
    """Run `command` to its end.

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
    """Kill `process` and all others of its group; it is not an error if it has already ended."""
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
            with contextlib.suppress(OSError):  # the process has ended meanwhile
                # pid (name) state parent group ...; the name may hold spaces and brackets
                state, _, its_group = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
                if int(its_group) == group and state != "Z":
                    pids.append(int(folder.name))
    return pids


def failure(what: str, log: Path, n_lines: int = 30) -> str:
    """Return `what` with the last `n_lines` of `log` below it."""
    lines = log.read_text(errors="replace").splitlines()[-n_lines:]
    return "\n".join([f"{what}; the end of {log}:", *lines])


def _die_with_parent() -> None:
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
