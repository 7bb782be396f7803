"""`codeio doctor`: what this machine can do, and what to do where something is missing.

Tested in tests/stories/test_build.py.
"""

import json

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from builders.cli.console import AsJson


def doctor(as_json: AsJson = False) -> None:
    """Look at sandbox, engines, Hub login and disk."""
    from builders.cli import machine

    found = machine.findings()
    if as_json:
        print(json.dumps({"findings": [vars(finding) for finding in found]}))
    else:
        table = Table("", "", Column("found", overflow="fold"), Column("to mend it", overflow="fold"))
        for finding in found:
            table.add_row(
                "ok" if finding.ok else "--",
                finding.name,
                Text(finding.found),  # no markup: "codeio[sglang]" is meant so
                Text("" if finding.ok else finding.advice),
            )
        Console().print(table)
    if not next(finding.ok for finding in found if finding.name == "sandbox"):
        raise typer.Exit(1)
