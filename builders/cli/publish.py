"""`codeio publish`: publish a build as a version of a dataset on the Hub.

In: a command line. Out: tables for a person, or one JSON object with `--json`.
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
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Output folder of a build.")],
    repo_id: Annotated[str, typer.Argument(help="OWNER/NAME of the dataset on the Hub.")],
    tag: Annotated[str | None, typer.Option(help="Tag for this version, such as v1.0.0.")] = None,
    branch: Annotated[str, typer.Option(help="Branch to commit to.")] = "main",
    private: Annotated[
        bool, typer.Option("--private", help="If the repository is new, make it private.")
    ] = False,
    create_pr: Annotated[
        bool, typer.Option("--create-pr", help="Open a pull request instead of committing.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change; send nothing.")] = False,
    configs: Annotated[
        str | None,
        typer.Option(
            metavar="A,B", help="Publish only these tables, and remove the others from the dataset."
        ),
    ] = None,
    allow_licenses: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="SPDX ids of licences to allow besides the permissive ones."),
    ] = None,
    message: Annotated[str | None, typer.Option(help="Commit message.")] = None,
    as_json: AsJson = False,
) -> None:
    """Publish a build as a dataset on the Hub: one commit with its card, and a tag.

    If it is interrupted, run the same command again to continue.
    """
    from builders.running.run import Run
    from builders.schema import TABLES
    from builders.tables.folder import Folder
    from hub.publish import next_version, upload
    from hub.publish.release import checked_provenance, prepare_release, write_card
    from hub.publish.upload import Target
    from hub.rights import model_licences
    from hub.rights.licences import PERMISSIVE

    if create_pr and tag:
        raise typer.BadParameter("tag the commit once the pull request is merged", param_hint="--tag")
    chosen = _split(configs) or list(TABLES)
    if unknown := [config for config in chosen if config not in TABLES]:
        problem = f"{', '.join(unknown)}: choose from {', '.join(TABLES)}"
        raise typer.BadParameter(problem, param_hint="--configs")
    source, target = Folder(folder), Target(repo_id, branch, tag, private, create_pr)
    if not any(source.files(config) for config in chosen):
        raise Failure(f"{folder} has none of the tables {', '.join(chosen)}. Make them with `codeio build`.")
    checked_provenance(source)  # checked here, before the Hub is asked or anything is written
    console = error_console()
    with Run(folder).locked():
        if not dry_run:
            upload.check_access(target)
        with console.status("Fetching the previous version"):
            before = next_version.previous_version(repo_id, branch)
            terms = model_licences.licences(model_licences.models(source))
        allowed = PERMISSIVE | set(_split(allow_licenses))
        with console.status("Selecting the rows that may be published"):
            draft = prepare_release(source, chosen, allowed, before.folder if before else None, terms)
        if not draft.folder.counts():
            raise Failure(f"No row may be published. {_exclusions(draft.excluded)}")
        with console.status("Comparing with the previous version"):
            history = next_version.changelog(draft, before, tag)
        write_card(draft, repo_id, history)
        if dry_run:
            plan, url = upload.plan_upload(draft.folder.root, target), None
        else:
            published = upload.publish(
                draft.folder.root, target, message or f"Version {tag or 'without a tag'}"
            )
            plan, url = published.plan, published.url
            shutil.rmtree(draft.folder.root)
    if as_json:
        print(
            json.dumps(
                {
                    "url": url,
                    "changes": asdict(plan),
                    "left_behind": [asdict(exclusion) for exclusion in draft.excluded],
                }
            )
        )
        return
    _print_plan(draft, plan, Console())
    if dry_run:
        Console().print(f"Nothing was sent. The card: {draft.folder.root / 'README.md'}", soft_wrap=True)
    else:
        Console().print(url or "No file has changed: there is no new commit.", soft_wrap=True)


def _split(names: str | None) -> list[str]:
    """Return the names in a text such as "a,b"."""
    return [name.strip() for name in (names or "").split(",") if name.strip()]


def _exclusions(exclusions: Sequence["Exclusion"]) -> str:
    """Return how many rows are excluded for each reason, and what to do about licences."""
    counts = Counter(exclusion.reason for exclusion in exclusions)
    return f"Excluded: {', '.join(f'{n} {reason}' for reason, n in counts.items())}. " + (
        "State the licence of a source with `codeio build --license`, or allow more with --allow-licenses."
    )


def _print_plan(draft: "Release", plan: "CommitPlan", console: Console) -> None:
    """Print the excluded rows, and the files that the commit changes."""
    if draft.excluded:
        title = f"Excluded: {len(draft.excluded):,} rows"
        table = Table("table", "row", "why", title=title, title_justify="left")
        for exclusion in draft.excluded[:MOST_SHOWN]:
            table.add_row(
                exclusion.config, Text(exclusion.row_id), Text(f"{exclusion.reason}: {exclusion.detail}")
            )
        if len(draft.excluded) > MOST_SHOWN:
            table.add_row("", "", f"and {len(draft.excluded) - MOST_SHOWN:,} more; --json lists them all")
        console.print(table, _exclusions(draft.excluded))
    table = Table("file", "bytes", "", title="Files", title_justify="left")
    for change, files in (("new", plan.added), ("changed", plan.changed)):
        for name, n_bytes in files.items():
            table.add_row(name, decimal(n_bytes), change if n_bytes else "renamed")
    for name in plan.removed:
        table.add_row(name, "", "removed")
    console.print(table, f"{plan.n_unchanged} files are unchanged.")
