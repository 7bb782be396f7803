"""`codeio changes`: show the differences between two versions.

Tested in tests/hub/changes/test_compare.py.
"""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from builders.cli.console import AsJson, VersionName, error_console


def changes(
    old: VersionName,
    new: VersionName,
    rows: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write every row that differs to FILE, as JSON lines.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the differences between two versions: rows added, removed or regraded, and why."""
    from hub.changes import changelog, compare
    from hub.versions import open_version

    before, after = open_version(old), open_version(new)
    with error_console().status("Comparing"):
        differences = compare.changes(before, after)
    if rows:
        with rows.open("w", encoding="utf-8") as file:
            for row in compare.changed_rows(before, after):
                file.write(json.dumps(row._asdict()) + "\n")
    if as_json:
        print(json.dumps(differences.to_json()))
    else:
        Console().print(changelog.rendered(differences))
