"""Splits: what is made of a function, and of its near-copies, stands on one side.

In: every table with a split. Which side follows from the function's cluster and the share that was kept for
tests; where that share is not known, all rows of a cluster must agree with the first.
Tested in tests/hub/audit/test_audit.py.
"""

from builders.schema import TABLES
from builders.selection.splits import Clusters, split_of
from hub.audit.case import Case
from hub.audit.untrusted import batches, iterated, row_id


def check(case: Case) -> None:
    """Look at the split of every row that has one."""
    tables = {config: rows for config, rows in case.tables.rows.items() if TABLES[config].is_split}
    clusters = _clusters(case)
    group_of = None
    if "tasks" in tables:
        rows = iterated(tables["tasks"], "task_id", "function_id")
        group_of = {row["task_id"]: clusters.get(row["function_id"], row["function_id"]) for row in rows}
    share = case.facts.test_share
    if share is None or not clusters:
        case.leaves_out("splits: which one a function belongs in, without its code or the share for tests")
    sides: dict[str, str] = {}
    with case.looking("splits", sum(map(len, tables.values()))) as advance:
        for config, table in tables.items():
            for row in iterated(table):
                group = group_of.get(row["task_id"]) if group_of is not None else row["task_id"]
                if group is None:  # without its task: told by the check of ids
                    continue
                if share is not None and group in clusters.values():
                    sides.setdefault(group, split_of(group, share))
                side = sides.setdefault(group, row["split"])
                if row["split"] != side:
                    detail = f"stands in {row['split']}, and its function belongs in {side}"
                    case.found("splits", config, row_id(config, row), detail)
            advance(len(table))


def _clusters(case: Case) -> dict[str, str]:
    """The cluster of each function."""
    if "functions" not in case.tables.rows:
        return {}
    stage = Clusters(case.sandbox)
    return {
        row["function_id"]: row["cluster"]
        for rows in batches(case.tables.beside("functions"))
        for row in stage.rows(rows)
        if isinstance(row, dict)
    }
