"""`codeio audit`: a dataset checked by whoever has it.

Tested in tests/hub/audit/test_audit.py.
"""

import json
from typing import Annotated

import typer
from rich.console import Console

from builders.cli.console import AsJson, VersionName, error_console


def audit(
    name: VersionName,
    sample: Annotated[
        int | None, typer.Option(min=1, help="Run only so many pairs and so many answers again.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Chooses the sample.")] = 0,
    num_proc: Annotated[int, typer.Option(min=1, help="Sandbox workers.")] = 2,
    as_json: AsJson = False,
) -> None:
    """Run every pair and verdict again; check ids, splits, licences, card. Ends with 0 if all hold."""
    from builders.cli.progress import Bars, Lines
    from builders.running.observer import Observer
    from hub import audit as audits
    from hub.versions import version

    console, words = error_console(), ("hold", "fail")
    observer = Observer() if as_json else (Bars if console.is_terminal else Lines)(console, words)
    report = audits.audit(version(name), sample, seed, num_proc, observer)
    if as_json:
        print(json.dumps(report.to_json()))
    else:
        Console().print(audits.rendered(report))
    if not report.holds:
        raise typer.Exit(1)
