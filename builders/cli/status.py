"""`codeio status`: where a run stands."""

from pathlib import Path
from typing import Annotated

import typer

from builders.cli.console import AsJson, Failure, tell
from builders.running.run import Run
from builders.tables.folder import Folder


def status(
    out: Annotated[Path, typer.Argument(help="Output folder of a build.")],
    as_json: AsJson = False,
) -> None:
    """Tell where a run stands: rows, reasons, statuses, time and tokens."""
    run = Run(out)
    if not run.options():
        raise Failure(f"{out} holds no run. Start one with: codeio build SOURCE --out {out}")
    tell(Folder(out), run, as_json)
