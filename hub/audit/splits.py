"""Splits: all that was made from a function and its near-copies is in one split.

In: every table with a split. The split follows from the function's cluster and the test share. If that share
is unknown, all rows of a cluster must be in the same split as the first.
Tested in tests/hub/audit/test_audit.py.
"""

from builders.schema import TABLES
from builders.selection.splits import Clusters, split_of
from hub.audit.case import Case
from hub.audit.untrusted import batches, iterated, row_id


def check(case: Case) -> None:
    """Check the split of every row that has one."""
    tables = {config: rows for config, rows in case.tables.rows.items() if TABLES[config].is_split}
    clusters = _clusters(case)
    cluster_of_task = None
    if "tasks" in tables:
        rows = iterated(tables["tasks"], "task_id", "function_id")
        cluster_of_task = {
            row["task_id"]: clusters.get(row["function_id"], row["function_id"]) for row in rows
        }
    share = case.expectations.test_share
    if share is None or not clusters:
        case.add_unchecked(
            "splits: which split a function belongs in, because the functions or the test share are missing"
        )
    split_of_cluster: dict[str, str] = {}
    with case.checking("splits", sum(map(len, tables.values()))) as advance:
        for config, table in tables.items():
            for row in iterated(table):
                task_id = row["task_id"]
                cluster = cluster_of_task.get(task_id) if cluster_of_task is not None else task_id
                if cluster is None:  # its task is missing, which the check of ids reports
                    continue
                if share is not None and cluster in clusters.values():
                    split_of_cluster.setdefault(cluster, split_of(cluster, share))
                split = split_of_cluster.setdefault(cluster, row["split"])
                if row["split"] != split:
                    detail = f"is in {row['split']}, but its function belongs in {split}"
                    case.add_finding("splits", config, row_id(config, row), detail)
            advance(len(table))


def _clusters(case: Case) -> dict[str, str]:
    """Return the cluster of each function, by its id; empty without the table of functions."""
    if "functions" not in case.tables.rows:
        return {}
    stage = Clusters(case.sandbox)
    return {
        row["function_id"]: row["cluster"]
        for rows in batches(case.tables.with_ancestors("functions"))
        for row in stage.rows(rows)
        if isinstance(row, dict)
    }
