"""A real client of the hub, in its own process.

In: functions that import what they need in their bodies, and arguments that JSON can hold. Out: what they
return, or `ClientFailed` with what they raise. Only a function's source is sent, without the names around it.
One process serves many calls, because importing the libraries takes most of the time; `restart` forgets all
that is not on disk.
Not covered: functions with decorators or defaults that need names from around them.
"""

import inspect
import json
import os
import select
import shutil
import subprocess
import textwrap
from collections.abc import Callable
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


class Client:
    """An interpreter with client libraries, and its environment variables; it works in `folder`."""

    def __init__(self, python: Path, environment: dict[str, str], folder: Path) -> None:
        self._python = python
        self._environment = dict(environment)
        self._folder = folder
        self._folder.mkdir(parents=True, exist_ok=True)
        self._log = folder / "client.log"
        self._process: subprocess.Popen[str] | None = None

    def login(self, token: str | None) -> None:
        """Use another token from now on, or none, and empty the caches."""
        self.restart()
        shutil.rmtree(self._environment["HF_HOME"], ignore_errors=True)
        self._environment.pop("HF_TOKEN", None)
        if token is not None:
            self._environment["HF_TOKEN"] = token

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
        self._process.kill()

    def restart(self) -> None:
        """End the process; the next call starts a new one."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._replies.close()
            self._process = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.restart()

    def _exchange(self, request: str) -> str:
        process = self._process or self._started()
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # the process has ended: there will be no reply
            process.stdin.write(request + "\n")
            process.stdin.flush()
        is_there, _, _ = select.select([self._replies], [], [], TIMEOUT_S)
        reply = self._replies.readline() if is_there else ""
        if not reply:
            self.restart()
            what = "ended" if is_there else f"did not reply within {TIMEOUT_S} s"
            raise RuntimeError(f"the client's process {what}:\n{self._log.read_text()[-5000:]}")
        return reply

    def _started(self) -> subprocess.Popen[str]:
        ours, theirs = os.pipe()
        with self._log.open("ab") as log:
            # -P: otherwise the modules beside child.py would hide those of the libraries.
            self._process = subprocess.Popen(
                [self._python, "-P", CHILD, str(theirs)],
                env=self._environment,
                cwd=self._folder,
                pass_fds=[theirs],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                text=True,
            )
        os.close(theirs)
        self._replies = os.fdopen(ours)
        return self._process
