"""`codeio audit`: check a dataset, your own or somebody else's.

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
        int | None, typer.Option(min=1, help="Run only a sample of this many pairs and answers again.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the sample.")] = 0,
    num_proc: Annotated[int, typer.Option(min=1, help="Number of sandbox workers.")] = 2,
    as_json: AsJson = False,
) -> None:
    """Check a dataset: run its pairs and answers again; check ids, splits, licences and card.

    Exit code 0 if everything is valid, else 1.
    """
    from builders.cli.progress import Bars, Lines
    from builders.running.observer import Observer
    from hub import audit as audits
    from hub.versions import open_version

    console, outcomes = error_console(), ("hold", "fail")
    observer = Observer() if as_json else (Bars if console.is_terminal else Lines)(console, outcomes)
    report = audits.audit(open_version(name), sample, seed, num_proc, observer)
    if as_json:
        print(json.dumps(report.to_json()))
    else:
        Console().print(audits.rendered(report))
    if not report.holds:
        raise typer.Exit(1)
