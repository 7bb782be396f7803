"""What a run came to, told from its tables, for the terminal and for programs.

In: a folder and its telemetry. Out: plain figures (`figures`), also as rich tables. Every number is counted
from the tables or from `.codeio/telemetry.jsonl`; none is kept anywhere else.

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
from builders.tables.counts import counted
from builders.tables.example import example
from builders.tables.folder import Folder
from builders.verifier import STATUSES

_SPENT = ("asked", "from_cache", "prompt_tokens", "completion_tokens", "cached_tokens")
Figures = dict[str, Any]


def figures(folder: Folder, run: Run) -> Figures:
    """Rows by config and split, drop reasons by stage, statuses by turn and direction, cost by stage."""
    return {
        **counted(folder),
        "cost": _cost(run),
        "requests": _requests(run),
        "model": run.options().get("model"),
        "recipe": recipe.of_run(run),
        "sandbox": next((line["tier"] for line in reversed(run.telemetry())), None),
    }


def rendered(found: Figures) -> RenderableType:
    """The figures as tables for a terminal."""
    funnel = Table("table", "rows", "test", "not used, and why", title="Funnel", title_justify="left")
    for name in stages():
        splits = found["rows"].get(name, {})
        reasons = found["dropped"].get(name, {})
        why = ", ".join(
            f"{count} {reason}" for reason, count in sorted(reasons.items(), key=lambda kv: -kv[1])
        )
        if splits or reasons:
            funnel.add_row(name, str(sum(splits.values())), str(splits.get("test", 0)), why)
    return Group(funnel, *_status_table(found), *_cost_table(found), *_request_line(found))


def shown(folder: Folder) -> RenderableType:
    """One whole row of codeio_pp to read."""
    row = example(folder, "codeio_pp")
    if row is None:
        return Text("")
    parts = [
        Text.assemble((f"{message['role']}\n", "bold"), message["content"] + "\n")
        for message in row["messages"]
    ]
    name = f"codeio_pp {row['task_id']}, sample {row['sample']}, {row['direction']}"
    return Panel(Group(*parts), title=f"{name}: {', '.join(row['statuses'])}", title_align="left")


def tell(folder: Folder, run: Run, as_json: bool, whole: bool = False) -> None:
    """Print a run's figures; `whole`: with an example and how to load it."""
    found = figures(folder, run)
    if as_json:
        print(json.dumps(found))
        return
    console = Console()
    console.print(rendered(found))
    if whole and "codeio_pp" in found["rows"]:
        console.print(shown(folder))
        console.print(f'Load it:  load_dataset("{folder.root}", "codeio_pp")', style="bold")


def _status_rows(found: Figures) -> list[tuple[str, str, dict[str, int]]]:
    return [(d, turn, counts) for d, turns in found["statuses"].items() for turn, counts in turns.items()]


def _status_table(found: Figures) -> list[Table]:
    if not found["statuses"]:
        return []
    table = Table("direction", "turn", *STATUSES, title="Statuses by turn", title_justify="left")
    for direction, turn, counts in _status_rows(found):
        total = sum(counts.values())
        cells = [f"{counts.get(status, 0)} ({counts.get(status, 0) / total:.0%})" for status in STATUSES]
        table.add_row(direction, turn, *cells)
    return [table]


def _cost_table(found: Figures) -> list[Table]:
    if not found["cost"]:
        return []
    heads = ("asked", "known", "tokens in", "of these cached", "tokens out", "failed tries")
    table = Table(
        "stage", "seconds", *heads, title="Time, requests and tokens, all runs together", title_justify="left"
    )
    for stage, cost in found["cost"].items():
        spent = [
            cost.get(name)
            for name in ("asked", "from_cache", "prompt_tokens", "cached_tokens", "completion_tokens")
        ]
        failed = ", ".join(f"{count} {reason}" for reason, count in cost.get("failures", {}).items())
        counts = ("" if count is None else f"{count:,}" for count in spent)
        table.add_row(stage, f"{cost['seconds']:.1f}", *counts, failed)
    return [table]


def _request_line(found: Figures) -> list[Text]:
    answers, refusals = found["requests"]["answers"], found["requests"]["refusals"]
    if not answers and not refusals:
        return []
    line = f"Request cache: {answers:,} answers"
    if refusals:
        reasons = ", ".join(f"{count} {reason}" for reason, count in refusals.items())
        line += f"; refused for good: {reasons} (--retry-failed asks again)"
    return [Text(line)]


def _cost(run: Run) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for line in run.telemetry():
        stage = found.setdefault(line["stage"], {"seconds": 0.0})
        for name in ("seconds", *_SPENT):
            if name in line:
                stage[name] = stage.get(name, 0) + line[name]
        for reason, count in line.get("failures", {}).items():
            failures = stage.setdefault("failures", {})
            failures[reason] = failures.get(reason, 0) + count
    return found


def _requests(run: Run) -> dict[str, Any]:
    """What the request cache holds: answers, and refusals by reason."""
    if not run.requests.exists():
        return {"answers": 0, "refusals": {}}
    with RequestCache(run.requests).open() as cache:
        return {"answers": len(cache), "refusals": cache.refusals()}
