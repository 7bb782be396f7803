"""The summary of a build, for the terminal and for programs.

In: a folder and its telemetry. Out: figures as plain data (`figures`), and as rich tables. Every number is
counted from the tables or from `.codeio/telemetry.jsonl`; none is stored anywhere else.

Not covered: the folder's README (`hub.card.card`).
Tested in tests/stories/test_asking.py.
"""

import json
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from builders.inference import RequestCache
from builders.running import recipe
from builders.running.run import Run
from builders.schema import stages
from builders.tables.counts import folder_counts
from builders.tables.example import example_row
from builders.tables.folder import Folder
from builders.verifier import STATUSES

_SPENT = ("asked", "from_cache", "prompt_tokens", "completion_tokens", "cached_tokens")
Figures = dict[str, Any]


def figures(folder: Folder, run: Run) -> Figures:
    """Return rows by table and split, drop reasons and cost by stage, statuses by direction and turn."""
    return {
        **folder_counts(folder),
        "cost": _cost(run),
        "requests": _requests(run),
        "model": run.options().get("model"),
        "recipe": recipe.from_run(run),
        "sandbox": next((line["tier"] for line in reversed(run.telemetry())), None),
    }


def rendered(summary: Figures) -> RenderableType:
    """Return the figures as tables for a terminal."""
    funnel = Table("table", "rows", "test", "not used, and why", title="Funnel", title_justify="left")
    for name in stages():
        splits = summary["rows"].get(name, {})
        reasons = summary["dropped"].get(name, {})
        why = ", ".join(
            f"{count} {reason}" for reason, count in sorted(reasons.items(), key=lambda item: -item[1])
        )
        if splits or reasons:
            funnel.add_row(name, str(sum(splits.values())), str(splits.get("test", 0)), why)
    return Group(funnel, *_status_table(summary), *_cost_table(summary), *_request_line(summary))


def example_panel(folder: Folder) -> RenderableType:
    """Return one whole row of codeio_pp as a panel; empty if there is none."""
    row = example_row(folder, "codeio_pp")
    if row is None:
        return Text("")
    parts = [
        Text.assemble((f"{message['role']}\n", "bold"), message["content"] + "\n")
        for message in row["messages"]
    ]
    name = f"codeio_pp {row['task_id']}, sample {row['sample']}, {row['direction']}"
    return Panel(Group(*parts), title=f"{name}: {', '.join(row['statuses'])}", title_align="left")


def print_summary(folder: Folder, run: Run, as_json: bool, with_example: bool = False) -> None:
    """Print the figures of a build; if `whole`, also an example row and how to load the dataset."""
    summary = figures(folder, run)
    if as_json:
        print(json.dumps(summary))
        return
    console = Console()
    console.print(rendered(summary))
    if with_example and "codeio_pp" in summary["rows"]:
        console.print(example_panel(folder))
        console.print(f'Load it:  load_dataset("{folder.root}", "codeio_pp")', style="bold")


def _status_rows(summary: Figures) -> list[tuple[str, str, dict[str, int]]]:
    """Return direction, turn and the counts by status, for each line of the table."""
    return [
        (direction, turn, counts)
        for direction, turns in summary["statuses"].items()
        for turn, counts in turns.items()
    ]


def _status_table(summary: Figures) -> list[Table]:
    if not summary["statuses"]:
        return []
    table = Table("direction", "turn", *STATUSES, title="Statuses by turn", title_justify="left")
    for direction, turn, counts in _status_rows(summary):
        total = sum(counts.values())
        cells = [f"{counts.get(status, 0)} ({counts.get(status, 0) / total:.0%})" for status in STATUSES]
        table.add_row(direction, turn, *cells)
    return [table]


def _cost_table(summary: Figures) -> list[Table]:
    if not summary["cost"]:
        return []
    heads = ("asked", "from cache", "tokens in", "prefix cached", "tokens out", "failed tries")
    table = Table(
        "stage", "seconds", *heads, title="Time, requests and tokens, all runs together", title_justify="left"
    )
    for stage, cost in summary["cost"].items():
        spent = [
            cost.get(name)
            for name in ("asked", "from_cache", "prompt_tokens", "cached_tokens", "completion_tokens")
        ]
        failed = ", ".join(f"{count} {reason}" for reason, count in cost.get("failures", {}).items())
        counts = ("" if count is None else f"{count:,}" for count in spent)
        table.add_row(stage, f"{cost['seconds']:.1f}", *counts, failed)
    return [table]


def _request_line(summary: Figures) -> list[Text]:
    answers, refusals = summary["requests"]["answers"], summary["requests"]["refusals"]
    if not answers and not refusals:
        return []
    line = f"Request cache: {answers:,} answers"
    if refusals:
        reasons = ", ".join(f"{count} {reason}" for reason, count in refusals.items())
        line += f"; refused for good: {reasons} (--retry-failed sends them again)"
    return [Text(line)]


def _cost(run: Run) -> dict[str, dict[str, Any]]:
    """Return seconds, requests, tokens and failed attempts by stage, summed over all runs."""
    costs: dict[str, dict[str, Any]] = {}
    for line in run.telemetry():
        stage = costs.setdefault(line["stage"], {"seconds": 0.0})
        for name in ("seconds", *_SPENT):
            if name in line:
                stage[name] = stage.get(name, 0) + line[name]
        for reason, count in line.get("failures", {}).items():
            failures = stage.setdefault("failures", {})
            failures[reason] = failures.get(reason, 0) + count
    return costs


def _requests(run: Run) -> dict[str, Any]:
    """Return the contents of the request cache: the number of answers, and refusals by reason."""
    if not run.requests.exists():
        return {"answers": 0, "refusals": {}}
    with RequestCache(run.requests).open() as cache:
        return {"answers": len(cache), "refusals": cache.refusals()}
