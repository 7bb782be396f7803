"""uv with pip's settings, to create the environments of users and of tests.

In: pip's settings on this machine, from its files and from PIP_ variables, neither of which uv reads. Out: uv
that searches the same indexes as pip and chooses the same releases, and environments made with it. `python -m
tests.doubles.uv` runs uv itself. Not covered: pip's settings that are not in `VARIABLES`.
"""

import ast
import os
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from tests.doubles.process import run

VARIABLES = {  # by pip's setting: uv's variable, and the separator of its values
    "index-url": ("UV_DEFAULT_INDEX", ""),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "constraint": ("UV_CONSTRAINT", " "),
    "default-timeout": ("UV_HTTP_TIMEOUT", ""),
    "cert": ("SSL_CERT_FILE", ""),
}
AS_PIP = {
    "UV_INDEX_STRATEGY": "unsafe-best-match",  # the best version of all indexes, not that of the first
    "UV_COMPILE_BYTECODE": "1",  # otherwise big libraries start slowly where Python cannot write bytecode
    "UV_PYTHON_DOWNLOADS": "never",
}
UV = (sys.executable, "-m", "uv")


def uv_settings(pip_config: str) -> dict[str, str]:
    """Return uv's variables for the output of `pip config list`; PIP_ variables override files."""
    settings = {}
    for line in sorted(pip_config.splitlines(), key=lambda line: line.startswith(":env:")):
        name, _, value = line.partition("=")
        settings[name.rpartition(".")[2]] = ast.literal_eval(value)
    return {
        variable: separator.join(settings[name].split())
        for name, (variable, separator) in VARIABLES.items()
        if name in settings
    }


@cache
def variables() -> dict[str, str]:
    """Return the variables to add to the environment of uv, without those that are already set."""
    pip = [sys.executable, "-m", "pip", "config", "list"]
    pip_config = subprocess.run(pip, check=True, capture_output=True, text=True).stdout
    settings = {**uv_settings(pip_config), **AS_PIP}
    return {name: value for name, value in settings.items() if name not in os.environ}


def new_environment(folder: Path, log: Path, *installs: Sequence[str | Path]) -> None:
    """Create a virtual environment of this Python in an empty folder, and run the installations in order.

    Raises:
        CommandFailed: an installation failed.
    """
    run([*UV, "venv", "--python", sys.executable, folder], log, variables())
    for install in installs:
        run([*UV, "pip", "install", "--python", folder / "bin" / "python", *install], log, variables())


if __name__ == "__main__":
    os.execve(sys.executable, [*UV, *sys.argv[1:]], {**os.environ, **variables()})
