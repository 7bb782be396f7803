"""The link to a zygote: its process and the two pipes to it, read and written without blocking.

Tested in tests/builders/execution/test_pool.py.
"""

import contextlib
import os
import signal
import subprocess
from typing import Any

from builders.execution import interpreter
from builders.execution.inside.environments import Environment
from builders.execution.inside.wire import LENGTH
from builders.execution.preload import MODULES, NO_OPEN_MODULES, Kind

_CLOSE_S = 5.0
_READ_BYTES = 2**18
_NOBODY = 65534


class LinkLost(RuntimeError):
    """The error of a zygote that did not start, ended or does not answer; the message says which."""


class CannotStart(LinkLost):
    """The error of a start that reported a reason or stayed silent: another zygote would fail too."""


class Link:
    """A started zygote and the descriptors of its pipes, `request_pipe` and `reply_pipe`.

    The environment decides only its hash seed, clock, settings, ids and addresses.
    """

    def __init__(self, layers: tuple[str, ...], kind: Kind, environment: Environment) -> None:
        self._sending = bytearray()
        self._received = bytearray()
        self.request_pipe = self.reply_pipe = requests = replies = -1
        config: dict[str, Any] = {
            "layers": layers,
            "readable": interpreter.readable_folders(),
            "devices": interpreter.DEVICES,
            "preload": MODULES[kind] + (NO_OPEN_MODULES if "noopen" in layers else ()),
            "environment": environment._asdict(),
            "inner_id": _NOBODY,
        }
        try:
            requests, self.request_pipe = os.pipe()
            self.reply_pipe, replies = os.pipe()
            # Popen without preexec_fn never forks the host's own Python, so the host may have threads.
            self._process = subprocess.Popen(
                interpreter.command(requests, replies, config),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=interpreter.variables(environment),
                cwd="/",
                pass_fds=(requests, replies),
                start_new_session=True,
            )
        except BaseException as error:  # KeyboardInterrupt too: a started zygote ends when its pipes close
            self.close_pipes()
            if isinstance(error, OSError):
                raise LinkLost(f"{error}") from error
            raise
        finally:
            for descriptor in {requests, replies} - {-1}:
                os.close(descriptor)
        os.set_blocking(self.request_pipe, False)
        os.set_blocking(self.reply_pipe, False)

    def send(self, request: bytes) -> None:
        """Queue a request and write as much of it as the pipe takes now."""
        self._sending += request
        self.flush()

    @property
    def has_unsent_bytes(self) -> bool:
        """Whether bytes are still queued."""
        return bool(self._sending)

    def flush(self) -> None:
        """Write as much as the pipe takes now; that the zygote closed it shows when its replies are read."""
        try:
            while self._sending:
                with memoryview(self._sending) as view:
                    n_written = os.write(self.request_pipe, view[:_READ_BYTES])
                del self._sending[:n_written]
        except BlockingIOError:
            pass
        except OSError:
            self._sending.clear()

    def receive(self) -> list[bytes]:
        """Return the replies that are complete now; raise LinkLost if the zygote closed its pipe."""
        try:
            chunk = os.read(self.reply_pipe, _READ_BYTES)
        except BlockingIOError:
            return []
        if not chunk:
            raise LinkLost("it ended without a message")
        self._received += chunk
        replies, position = [], 0
        while len(self._received) - position >= LENGTH.size:
            (length,) = LENGTH.unpack_from(self._received, position)
            end = position + LENGTH.size + length
            if len(self._received) < end:
                break
            replies.append(bytes(self._received[position + LENGTH.size : end]))
            position = end
        del self._received[:position]
        return replies

    def close_pipes(self) -> None:
        """Close this process's ends of the pipes; the zygote ends when no process has them open."""
        ends = {self.request_pipe, self.reply_pipe} - {-1}
        self.request_pipe = self.reply_pipe = -1
        for descriptor in ends:
            os.close(descriptor)

    def close(self, at_once: bool = False) -> None:
        """End the zygote and everything that it started."""
        self.close_pipes()
        try:
            self._process.wait(0.0 if at_once else _CLOSE_S)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
