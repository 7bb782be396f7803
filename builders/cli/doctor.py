"""`codeio doctor`: show what this machine can do, and how to fix what is missing.

Tested in tests/stories/test_build.py.
"""

import json

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from builders.cli.console import AsJson


def doctor(as_json: AsJson = False) -> None:
    """Check this machine: sandbox, engines, Hub login and disk.

    Exit code 0 if the sandbox works, else 1.
    """
    from builders.cli import machine

    diagnoses = machine.diagnoses()
    if as_json:
        print(json.dumps({"findings": [vars(diagnosis) for diagnosis in diagnoses]}))
    else:
        table = Table("", "", Column("found", overflow="fold"), Column("how to fix it", overflow="fold"))
        for diagnosis in diagnoses:
            table.add_row(
                "ok" if diagnosis.ok else "--",
                diagnosis.name,
                Text(diagnosis.found),  # else rich reads "[sglang]" in "codeio[sglang]" as markup
                Text("" if diagnosis.ok else diagnosis.advice),
            )
        Console().print(table)
    if not next(diagnosis.ok for diagnosis in diagnoses if diagnosis.name == "sandbox"):
        raise typer.Exit(1)
