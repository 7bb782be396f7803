"""Real clients of the hub, each in its own process.

In: functions that import what they need in their bodies, and arguments that JSON can hold. Out: what they
return, or `ClientFailed` with the error that they raise. Only the source of a function is sent, so it cannot
use names from outside its body. One process serves many calls; `restart` loses all state that is not on disk.
Clients are forked from a fork server that has imported the libraries; importing them again would take a
hundred times as long.
Not covered: functions whose decorators or defaults use names from outside; environment variables that a
library reads when it is imported, if the fork server has imported it with other values.
"""

import inspect
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import textwrap
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
PROGRAM = Path(__file__).with_name("fork_server.py")
TIMEOUT_S = 240


class ClientFailed(Exception):
    """An error in a client's function: `kinds` names its class and bases, `status` is the HTTP status."""

    def __init__(self, kinds: list[str], status: int | None, message: str, trace: str) -> None:
        super().__init__(trace)
        self.kinds = kinds
        self.status = status
        self.message = message

    @property
    def kind(self) -> str:
        return self.kinds[0]


class ForkServer:
    """A process that has imported `modules` with some environment variables, and forks clients.

    It starts with its first client, and ends when its socket is closed, or with this process.
    """

    def __init__(self, python: Path, variables: dict[str, str], modules: Sequence[str] = ()) -> None:
        self._variables = dict(variables)
        # Without -P, modules beside the program would hide modules of the libraries.
        self._command = [python, "-P", PROGRAM]
        self._modules = modules
        self._connection: socket.socket | None = None

    def fork(self, variables: dict[str, str], folder: Path, descriptors: Sequence[int]) -> int:
        """Fork a client with descriptors for its requests, replies and log; return a pidfd of its process."""
        connection = self._connection or self._start()
        request = json.dumps({"variables": variables, "folder": str(folder)})
        socket.send_fds(connection, [request.encode()], descriptors)
        pid = connection.recv(64)
        if not pid:
            raise RuntimeError(f"no client can be started: {self._command} with {self._modules} ended")
        return os.pidfd_open(int(pid))

    def _start(self) -> socket.socket:
        self._connection, child_end = socket.socketpair()
        with child_end:
            self._process = subprocess.Popen(
                [*self._command, str(child_end.fileno()), *self._modules],
                env=self._variables,
                pass_fds=[child_end.fileno()],
                stdin=subprocess.DEVNULL,
            )
        return self._connection

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection is not None:
            self._connection.close()
            self._process.wait()


class Client:
    """A process with the Hub's client libraries and some environment variables; it works in `folder`."""

    def __init__(self, fork_server: ForkServer, variables: dict[str, str], folder: Path) -> None:
        self._fork_server = fork_server
        self._variables = dict(variables)
        self._folder = folder
        self._folder.mkdir(parents=True, exist_ok=True)
        self._log = folder / "client.log"
        self._pidfd: int | None = None  # a file descriptor of the process, if it is running

    def login(self, token: str | None) -> None:
        """Change the token, or remove it (None), and empty the caches."""
        self.restart()
        shutil.rmtree(self._variables["HF_HOME"], ignore_errors=True)
        self._variables.pop("HF_TOKEN", None)
        if token is not None:
            self._variables["HF_TOKEN"] = token

    def run(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Call the function in the client's process.

        Raises:
            ClientFailed: If the function raises.
        """
        if named:
            raise TypeError("pass the arguments of a client's function by position")
        lines, line = inspect.getsourcelines(function)
        request = {
            "source": textwrap.dedent("".join(lines)),
            "file": inspect.getsourcefile(function),
            "line": line,
            "name": function.__name__,
            "arguments": arguments,
        }
        outcome = json.loads(self._reply_to(json.dumps(request)))
        if "result" not in outcome:
            raise ClientFailed(outcome["kinds"], outcome["status"], outcome["message"], outcome["traceback"])
        result: T = outcome["result"]
        return result

    def kill(self) -> None:
        """Kill the process; a call that is running then raises RuntimeError."""
        assert self._pidfd is not None
        signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def restart(self) -> None:
        """End the process; the next call starts a new one."""
        if self._pidfd is not None:
            with suppress(ProcessLookupError):  # the process has ended already
                self.kill()
            select.select([self._pidfd], [], [])  # readable when the process has ended
            os.close(self._pidfd)
            with suppress(BrokenPipeError):  # the last request was not read
                self._requests.close()
            self._replies.close()
            self._pidfd = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.restart()

    def _reply_to(self, request: str) -> str:
        if self._pidfd is None:
            self._start()
        with suppress(BrokenPipeError):  # the process has ended: there will be no reply
            self._requests.write(request + "\n")
            self._requests.flush()
        is_readable, _, _ = select.select([self._replies], [], [], TIMEOUT_S)
        reply = self._replies.readline() if is_readable else ""
        if not reply:
            self.restart()
            problem = "ended" if is_readable else f"did not reply within {TIMEOUT_S} s"
            raise RuntimeError(f"the client's process {problem}:\n{self._log.read_text()[-5000:]}")
        return reply

    def _start(self) -> None:
        request_reader, request_writer = os.pipe()
        reply_reader, reply_writer = os.pipe()
        self._requests, self._replies = os.fdopen(request_writer, "w"), os.fdopen(reply_reader)
        with self._log.open("ab") as log:
            descriptors = (request_reader, reply_writer, log.fileno())
            self._pidfd = self._fork_server.fork(self._variables, self._folder, descriptors)
        os.close(request_reader)
        os.close(reply_writer)
