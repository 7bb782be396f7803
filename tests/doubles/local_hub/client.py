"""Real clients of the hub, each in its own process.

In: functions that import what they need in their bodies, and arguments that JSON can hold. Out: what they
return, or `ClientFailed` with what they raise. Only a function's source is sent, without the names around it.
One process serves many calls; `restart` forgets all that is not on disk. Clients are forked from a nursery,
which has imported the libraries: to import them takes a hundred times as long.
Not covered: functions with decorators or defaults that need names from around them; variables that a library
reads when it is imported, if the nursery has imported it with others.
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
CHILD = Path(__file__).with_name("child.py")
TIMEOUT_S = 240


class ClientFailed(Exception):
    """The error of a function that raised: `kinds` names its class and bases, `status` is the HTTP status."""

    def __init__(self, kinds: list[str], status: int | None, message: str, trace: str) -> None:
        super().__init__(trace)
        self.kinds = kinds
        self.status = status
        self.message = message

    @property
    def kind(self) -> str:
        return self.kinds[0]


class Nursery:
    """A process of an interpreter, with environment variables, that has imported `modules` and forks clients.

    It starts with its first client, and ends with this process.
    """

    def __init__(self, python: Path, variables: dict[str, str], modules: Sequence[str] = ()) -> None:
        self._variables = dict(variables)
        self._command = [python, "-P", CHILD]  # -P: modules beside child.py would hide those of the libraries
        self._modules = modules
        self._connection: socket.socket | None = None

    def fork(self, variables: dict[str, str], folder: Path, descriptors: Sequence[int]) -> int:
        """Fork a client with the descriptors for requests, replies and log; return its process (a pidfd)."""
        connection = self._connection or self._started()
        request = json.dumps({"variables": variables, "folder": str(folder)})
        socket.send_fds(connection, [request.encode()], descriptors)
        process = connection.recv(64)
        if not process:
            raise RuntimeError(f"no client can be started: {self._command} with {self._modules} ended")
        return os.pidfd_open(int(process))

    def _started(self) -> socket.socket:
        self._connection, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [*self._command, str(theirs.fileno()), *self._modules],
                env=self._variables,
                pass_fds=[theirs.fileno()],
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
    """An interpreter with client libraries, and its environment variables; it works in `folder`."""

    def __init__(self, nursery: Nursery, variables: dict[str, str], folder: Path) -> None:
        self._nursery = nursery
        self._variables = dict(variables)
        self._folder = folder
        self._folder.mkdir(parents=True, exist_ok=True)
        self._log = folder / "client.log"
        self._process: int | None = None  # a file descriptor of the process (pidfd)

    def login(self, token: str | None) -> None:
        """Use another token from now on, or none, and empty the caches."""
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
            raise TypeError("arguments go over by position")
        lines, line = inspect.getsourcelines(function)
        request = {
            "source": textwrap.dedent("".join(lines)),
            "file": inspect.getsourcefile(function),
            "line": line,
            "name": function.__name__,
            "arguments": arguments,
        }
        outcome = json.loads(self._exchange(json.dumps(request)))
        if "result" not in outcome:
            raise ClientFailed(outcome["kinds"], outcome["status"], outcome["message"], outcome["traceback"])
        result: T = outcome["result"]
        return result

    def kill(self) -> None:
        """Kill the process; a call that is running then raises RuntimeError."""
        assert self._process is not None
        signal.pidfd_send_signal(self._process, signal.SIGKILL)

    def restart(self) -> None:
        """End the process; the next call starts a new one."""
        if self._process is not None:
            with suppress(ProcessLookupError):  # it has ended
                self.kill()
            select.select([self._process], [], [])  # readable when the process has ended
            os.close(self._process)
            with suppress(BrokenPipeError):  # of a request that was not read
                self._requests.close()
            self._replies.close()
            self._process = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.restart()

    def _exchange(self, request: str) -> str:
        if self._process is None:
            self._start()
        with suppress(BrokenPipeError):  # the process has ended: there will be no reply
            self._requests.write(request + "\n")
            self._requests.flush()
        is_there, _, _ = select.select([self._replies], [], [], TIMEOUT_S)
        reply = self._replies.readline() if is_there else ""
        if not reply:
            self.restart()
            what = "ended" if is_there else f"did not reply within {TIMEOUT_S} s"
            raise RuntimeError(f"the client's process {what}:\n{self._log.read_text()[-5000:]}")
        return reply

    def _start(self) -> None:
        requests, ours = os.pipe()
        replies, theirs = os.pipe()
        self._requests, self._replies = os.fdopen(ours, "w"), os.fdopen(replies)
        with self._log.open("ab") as log:
            pipes = (requests, theirs, log.fileno())
            self._process = self._nursery.fork(self._variables, self._folder, pipes)
        os.close(requests)
        os.close(theirs)
