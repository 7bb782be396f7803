"""What a folder's tables hold, counted: rows, reasons, statuses.

In: a folder. Out: plain numbers by name, in an order of their own, so that equal tables give equal text.
Columns are read one by one, never whole rows.
Tested in tests/hub/card/test_card.py.
"""

from typing import Any

import pyarrow as pa

from builders.tables.folder import Folder

Nested = dict[str, dict[str, int]]


def counted(folder: Folder) -> dict[str, Any]:
    """Rows by config and split, functions with pairs, drop reasons by stage, statuses by direction."""
    return {
        "rows": folder.counts(),
        "functions_with_pairs": len(folder.columns("io_pairs", "function_id")["function_id"].unique()),
        "dropped": reasons(folder),
        "statuses": statuses(folder),
    }


def reasons(folder: Folder) -> Nested:
    """Dropped rows by stage and reason."""
    found: Nested = {}
    for stage, reason, n_rows in grouped(folder.columns("dropped", "stage", "drop_reason")):
        found.setdefault(stage, {})[reason] = n_rows
    return found


def statuses(folder: Folder) -> dict[str, dict[str, dict[str, int]]]:
    """Turns by direction, turn and status: the table of CodeI/O's Figure 7."""
    turns = folder.columns("turns", "task_id", "turn", "status")
    directions = folder.columns("tasks", "task_id", "direction")
    joined = turns.join(directions, "task_id", join_type="inner").select(["direction", "turn", "status"])
    found: dict[str, dict[str, dict[str, int]]] = {}
    for direction, turn, status, n_rows in grouped(joined):
        found.setdefault(direction, {}).setdefault(str(turn), {})[status] = n_rows
    return found


def grouped(table: pa.Table) -> list[tuple[Any, ...]]:
    """The distinct rows of a table, in order, each with how often it is there; nulls come last."""
    names = table.column_names
    found = (
        table.group_by(names).aggregate([([], "count_all")]).sort_by([(name, "ascending") for name in names])
    )
    return list(zip(*(found[name].to_pylist() for name in (*names, "count_all")), strict=True))
