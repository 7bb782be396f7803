"""Shared parts of the commands: options, and the console for progress.

Tested in tests/stories/test_build.py.
"""

import logging
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.logging import RichHandler

from builders.options import ServerOptions, declared

_PYTHON = declared(ServerOptions)["sglang_python"]
SglangPython = Annotated[Path | None, typer.Option(envvar=_PYTHON.envvar, help=_PYTHON.help)]
VersionName = Annotated[
    str, typer.Argument(help="Folder of a build, or OWNER/NAME or OWNER/NAME@TAG on the Hub.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")]


def error_console() -> Console:
    """Return the console on stderr for progress and codeio's log, for instance that a server is lost."""
    console = Console(stderr=True)
    handler = RichHandler(console=console, show_path=False, show_level=False, markup=False)
    logging.getLogger("codeio").addHandler(handler)
    return console
