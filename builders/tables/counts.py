"""Counts of a folder's tables: rows, drop reasons, statuses.

In: a folder. Out: plain numbers by name, in a fixed order, so that equal tables give equal text. Only the
columns that are counted are read, never whole rows.
Tested in tests/hub/card/test_card.py.
"""

from typing import Any

import pyarrow as pa

from builders.tables.folder import Folder

Nested = dict[str, dict[str, int]]


def folder_counts(folder: Folder) -> dict[str, Any]:
    """Return the numbers of rows by config and split, functions with pairs, drop reasons, and statuses."""
    return {
        "rows": folder.counts(),
        "functions_with_pairs": len(folder.columns("io_pairs", "function_id")["function_id"].unique()),
        "dropped": drop_counts(folder),
        "statuses": status_counts(folder),
    }


def drop_counts(folder: Folder) -> Nested:
    """Return the number of dropped rows by stage and reason."""
    by_stage: Nested = {}
    for stage, reason, n_rows in value_counts(folder.columns("dropped", "stage", "drop_reason")):
        by_stage.setdefault(stage, {})[reason] = n_rows
    return by_stage


def status_counts(folder: Folder) -> dict[str, dict[str, dict[str, int]]]:
    """Return the number of turns by direction, turn and status, as in CodeI/O's Figure 7."""
    turns = folder.columns("turns", "task_id", "turn", "status")
    directions = folder.columns("tasks", "task_id", "direction")
    joined = turns.join(directions, "task_id", join_type="inner").select(["direction", "turn", "status"])
    by_direction: dict[str, dict[str, dict[str, int]]] = {}
    for direction, turn, status, n_rows in value_counts(joined):
        by_direction.setdefault(direction, {}).setdefault(str(turn), {})[status] = n_rows
    return by_direction


def value_counts(table: pa.Table) -> list[tuple[Any, ...]]:
    """Return the distinct rows of a table, sorted with nulls last, each followed by its number of rows."""
    names = table.column_names
    groups = (
        table.group_by(names).aggregate([([], "count_all")]).sort_by([(name, "ascending") for name in names])
    )
    return list(zip(*(groups[name].to_pylist() for name in (*names, "count_all")), strict=True))
