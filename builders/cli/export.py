"""`codeio export`: write a dataset as files for a trainer.

Tested in tests/hub/export/test_export.py.
"""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from builders.cli.console import AsJson, VersionName
from hub.export import FORMATS


def export(
    name: VersionName,
    form: Annotated[str, typer.Argument(metavar="FORMAT", help=f"One of {', '.join(FORMATS)}.")],
    out: Annotated[Path, typer.Option(help="New folder for the files.")],
    as_json: AsJson = False,
) -> None:
    """Write a dataset as files for a trainer."""
    from hub.export.writer import export as write_export
    from hub.versions import open_version

    files = write_export(open_version(name), form, out)
    if as_json:
        print(json.dumps(files))
        return
    for file, n_rows in files.items():
        Console().print(f"{out / file}: {n_rows:,} rows", soft_wrap=True)
