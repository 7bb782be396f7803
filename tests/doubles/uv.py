"""uv, with pip's settings: it makes and fills the environments of users and of tests.

In: what pip has been set to on this machine, in its files and in PIP_ variables; uv reads neither. Out: uv,
which then looks where pip looks and takes what pip takes; and environments. `python -m tests.doubles.uv` is
uv itself. Not covered: pip's settings beyond those of `VARIABLES`.
"""

import ast
import os
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from tests.doubles.process import run

VARIABLES = {  # of uv, by pip's setting, with what parts their values
    "index-url": ("UV_DEFAULT_INDEX", ""),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "constraint": ("UV_CONSTRAINT", " "),
    "default-timeout": ("UV_HTTP_TIMEOUT", ""),
    "cert": ("SSL_CERT_FILE", ""),
}
AS_PIP = {
    "UV_INDEX_STRATEGY": "unsafe-best-match",  # of all places the best version, not that of the first
    "UV_COMPILE_BYTECODE": "1",  # else every start of a big library pays where Python may not write it
    "UV_PYTHON_DOWNLOADS": "never",
}
UV = (sys.executable, "-m", "uv")


def translated(listed: str) -> dict[str, str]:
    """Return uv's variables for what `pip config list` prints; PIP_ variables win over files."""
    settings = {}
    for line in sorted(listed.splitlines(), key=lambda line: line.startswith(":env:")):
        name, _, value = line.partition("=")
        settings[name.rpartition(".")[2]] = ast.literal_eval(value)
    return {
        variable: separator.join(settings[name].split())
        for name, (variable, separator) in VARIABLES.items()
        if name in settings
    }


@cache
def variables() -> dict[str, str]:
    """Return what to add to the environment of uv; what is there already stays."""
    pip = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(pip, check=True, capture_output=True, text=True).stdout
    told = {**translated(listed), **AS_PIP}
    return {name: value for name, value in told.items() if name not in os.environ}


def new_environment(folder: Path, log: Path, *installs: Sequence[str | Path]) -> None:
    """Make a virtual environment of this Python in an empty folder, and install into it, one after another.

    Raises:
        CommandFailed: an installation failed.
    """
    run([*UV, "venv", "--python", sys.executable, folder], log, variables())
    for install in installs:
        run([*UV, "pip", "install", "--python", folder / "bin" / "python", *install], log, variables())


if __name__ == "__main__":
    os.execve(sys.executable, [*UV, *sys.argv[1:]], {**os.environ, **variables()})
