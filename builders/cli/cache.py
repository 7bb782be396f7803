"""`codeio cache`: share answers between runs, so that none is paid for twice.

Tested in tests/stories/test_asking.py.
"""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

app = typer.Typer(help="Share answers between runs, so that none is paid for twice.")


@app.command("export")
def cache_export(
    out: Annotated[Path, typer.Argument(help="Output folder of a build.")],
    file: Annotated[Path, typer.Argument(help="Parquet file to write.")],
) -> None:
    """Write all answers of a build to a Parquet file."""
    from builders.inference import RequestCache
    from builders.inference import export as export_answers
    from builders.running.run import Run

    n_answers = export_answers(RequestCache(Run(out).requests), file)
    Console().print(f"{n_answers} answers written to {file}", soft_wrap=True)


@app.command("merge")
def cache_merge(
    out: Annotated[Path, typer.Argument(help="Output folder of a build; it may be new.")],
    files: Annotated[list[Path], typer.Argument(help="Files that `codeio cache export` wrote.")],
) -> None:
    """Add the answers in exported files to a build."""
    from builders.inference import RequestCache, merge
    from builders.running.run import Run

    cache = RequestCache(Run(out).requests)
    for file in files:
        n_new, n_all = merge(cache, file)
        Console().print(f"{file}: {n_new} of {n_all} answers are new", soft_wrap=True)
