"""What commands share: options, where they print, how they tell what a run holds, and how they fail."""

import json
import logging
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.logging import RichHandler

from builders.cli import summary
from builders.running.run import Run
from builders.tables.folder import Folder

SglangPython = Annotated[
    Path | None,
    typer.Option(
        envvar="CODEIO_SGLANG_PYTHON", help="Interpreter of an environment with sglang, if not this one."
    ),
]
VersionName = Annotated[
    str, typer.Argument(help="Folder of a build, or OWNER/NAME or OWNER/NAME@TAG on the Hub.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")]


class Failure(Exception):
    """An end with a message and exit code 1."""


def error_console() -> Console:
    """Where progress goes, and what inference has to say meanwhile (a server that is gone, or back)."""
    console = Console(stderr=True)
    handler = RichHandler(console=console, show_path=False, show_level=False, markup=False)
    logging.getLogger("codeio").addHandler(handler)
    return console


def tell(folder: Folder, run: Run, as_json: bool, whole: bool = False) -> None:
    """Print a run's figures; `whole`: with an example and how to load it."""
    found: dict[str, Any] = summary.figures(folder, run)
    if as_json:
        print(json.dumps(found))
        return
    console = Console()
    console.print(summary.rendered(found))
    if whole and "codeio_pp" in found["rows"]:
        console.print(summary.shown(folder))
        console.print(f'Load it:  load_dataset("{folder.root}", "codeio_pp")', style="bold")
