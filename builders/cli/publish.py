"""`codeio publish`: a build becomes a version of a dataset on the Hub.

In: a command line. Out: what a person can read, or one JSON object with `--json`.
Tested in tests/stories/test_published.py.
"""

import json
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from builders.cli.console import AsJson, error_console
from builders.errors import Failure

if TYPE_CHECKING:
    from hub.publish.release import Release
    from hub.publish.remote import CommitPlan
    from hub.rights.excluded import Exclusion

MOST_SHOWN = 20


def publish(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a build.")],
    repo_id: Annotated[str, typer.Argument(help="OWNER/NAME of the dataset on the Hub.")],
    tag: Annotated[str | None, typer.Option(help="Name of this version, such as v1.0.0.")] = None,
    branch: Annotated[str, typer.Option(help="Branch to commit to.")] = "main",
    private: Annotated[bool, typer.Option("--private", help="Make a new repository private.")] = False,
    create_pr: Annotated[bool, typer.Option("--create-pr", help="Open a pull request instead.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change; send nothing.")] = False,
    configs: Annotated[
        str | None, typer.Option(metavar="A,B", help="Only these tables; others leave the repository.")
    ] = None,
    allow_licenses: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="SPDX ids to publish under, besides the permissive ones."),
    ] = None,
    message: Annotated[str | None, typer.Option(help="Of the commit.")] = None,
    as_json: AsJson = False,
) -> None:
    """Publish a build as a dataset: one commit with its card, and a tag. Given again, it goes on."""
    from builders.running.run import Run
    from builders.schema import TABLES
    from builders.tables.folder import Folder
    from hub.publish import next_version, upload
    from hub.publish.release import describe, release, usable
    from hub.publish.upload import Target
    from hub.rights import model_licences
    from hub.rights.licences import PERMISSIVE

    if create_pr and tag:
        raise typer.BadParameter("tag the commit once the pull request is merged", param_hint="--tag")
    chosen = _listed(configs) or list(TABLES)
    if unknown := [config for config in chosen if config not in TABLES]:
        named = f"{', '.join(unknown)}: choose from {', '.join(TABLES)}"
        raise typer.BadParameter(named, param_hint="--configs")
    source, target = Folder(folder), Target(repo_id, branch, tag, private, create_pr)
    if not any(source.files(config) for config in chosen):
        raise Failure(f"{folder} has none of the tables {', '.join(chosen)}. Make them with `codeio build`.")
    usable(source)  # raises here, before anything is asked or written
    console = error_console()
    with Run(folder).locked():
        if not dry_run:
            upload.may_publish(target)
        with console.status("Fetching the version before"):
            before = next_version.before(repo_id, branch)
            terms = model_licences.licences(model_licences.models(source))
        allowed = PERMISSIVE | set(_listed(allow_licenses))
        with console.status("Choosing the rows that may be published"):
            made = release(source, chosen, allowed, before.folder if before else None, terms)
        if not made.folder.counts():
            raise Failure(f"Nothing may be published. {_why(made.left)}")
        with console.status("Comparing with the version before"):
            history = next_version.changelog(made, before, tag)
        describe(made, repo_id, history)
        if dry_run:
            plan, url = upload.planned(made.folder.root, target), None
        else:
            done = upload.publish(made.folder.root, target, message or f"Version {tag or 'without a tag'}")
            plan, url = done.plan, done.url
            shutil.rmtree(made.folder.root)
    if as_json:
        print(
            json.dumps(
                {"url": url, "changes": asdict(plan), "left_behind": [asdict(left) for left in made.left]}
            )
        )
        return
    _tell(made, plan, Console())
    if dry_run:
        Console().print(f"Nothing was sent. The card: {made.folder.root / 'README.md'}", soft_wrap=True)
    else:
        Console().print(url or "Nothing had changed.", soft_wrap=True)


def _listed(given: str | None) -> list[str]:
    return [name.strip() for name in (given or "").split(",") if name.strip()]


def _why(left: Sequence["Exclusion"]) -> str:
    counts = Counter(one.reason for one in left)
    return f"Left behind: {', '.join(f'{n} {reason}' for reason, n in counts.items())}. " + (
        "State the licence of a source with `codeio build --license`, or allow more with --allow-licenses."
    )


def _tell(made: "Release", plan: "CommitPlan", console: Console) -> None:
    if made.left:
        title = f"Left behind: {len(made.left):,} rows"
        table = Table("table", "row", "why", title=title, title_justify="left")
        for left in made.left[:MOST_SHOWN]:
            table.add_row(left.config, Text(left.row_id), Text(f"{left.reason}: {left.detail}"))
        if len(made.left) > MOST_SHOWN:
            table.add_row("", "", f"and {len(made.left) - MOST_SHOWN:,} more; --json lists all")
        console.print(table, _why(made.left))
    table = Table("file", "bytes", "", title="Files", title_justify="left")
    for word, files in (("new", plan.added), ("changed", plan.changed)):
        for name, n_bytes in files.items():
            table.add_row(name, decimal(n_bytes), word if n_bytes else "renamed")
    for name in plan.removed:
        table.add_row(name, "", "removed")
    console.print(table, f"{plan.n_unchanged} files are there already.")
