"""A real client of the hub, in a process of its own.

In: a function that imports what it needs in its body, and arguments that JSON can hold. Out: what it returns,
or `ClientFailed` with what it raised. Only the function's source goes over: names from around it do not.
Not covered: functions with decorators or defaults that need such names.
"""

import inspect
import json
import subprocess
import tempfile
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
CHILD = Path(__file__).with_name("child.py")
TIMEOUT_S = 240


class ClientFailed(Exception):
    """The function raised; `kinds` names the error's class and its bases, `status` is that of HTTP."""

    def __init__(self, kinds: list[str], status: int | None, message: str, trace: str) -> None:
        super().__init__(trace)
        self.kinds = kinds
        self.status = status
        self.message = message

    @property
    def kind(self) -> str:
        return self.kinds[0]


class Client:
    """An interpreter with its client libraries, and the environment they find."""

    def __init__(self, python: Path, environment: dict[str, str]) -> None:
        self.python = python
        self.environment = environment

    def run(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Call the function in a fresh process.

        Raises:
            ClientFailed: it raised.
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
        with tempfile.TemporaryDirectory(prefix="client-") as folder:
            asked, said = Path(folder, "asked"), Path(folder, "said")
            asked.write_text(json.dumps(request))
            # -P: else the modules beside child.py would be found before those of the libraries.
            done = subprocess.run(
                [self.python, "-P", CHILD, asked, said],
                env=self.environment,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=TIMEOUT_S,
            )
            if not said.exists():
                raise RuntimeError(f"the client's process ended with {done.returncode}:\n{done.stderr}")
            outcome = json.loads(said.read_text())
        if "result" not in outcome:
            raise ClientFailed(
                outcome["kinds"],
                outcome["status"],
                outcome["message"],
                f"{outcome['traceback']}\n{done.stderr}",
            )
        result: T = outcome["result"]
        return result
