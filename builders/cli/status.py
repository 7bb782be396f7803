"""`codeio status`: show the state of a build.

Tested in tests/stories/test_build.py.
"""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from builders.cli.console import AsJson
from builders.errors import Failure


def status(
    out: Annotated[Path, typer.Argument(help="Output folder of a build.")],
    as_json: AsJson = False,
) -> None:
    """Show the state of a build: rows, drop reasons, statuses, time, tokens, and its recipe."""
    from builders.cli.summary import print_summary
    from builders.running import recipe
    from builders.running.run import Run
    from builders.tables.folder import Folder

    run = Run(out)
    if not run.options():
        raise Failure(f"{out} contains no build. Start one with: codeio build SOURCE --out {out}")
    print_summary(Folder(out), run, as_json)
    if not as_json:
        Console().print(Text(f"Recipe\n{recipe.to_yaml(recipe.from_run(run))}"), soft_wrap=True)
