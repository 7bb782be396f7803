"""Ids, parents and prompts: an id is a hash of the row's columns, parents exist, a task asks about its pair.

Not covered: ids of turns, which follow from whole conversations (`views`).
Tested in tests/hub/audit/test_audit.py.
"""

from builders.schema import TABLES, Table, parents
from builders.tasks import Tasks
from hub.audit.case import Case
from hub.audit.remade import Stored
from hub.audit.untrusted import batches, iterated, row_id


def check(case: Case) -> None:
    """Check every row that has an id or names a parent, and the prompts of tasks."""
    tables = {
        config: rows
        for config, rows in case.tables.rows.items()
        if TABLES[config].id_column or parents(TABLES[config])
    }
    with case.checking("ids", sum(map(len, tables.values()))) as advance:
        for config, rows in tables.items():
            table = TABLES[config]
            if table.id_column and set(table.hashed) <= set(table.columns):
                _check_ids(case, table)
            for parent in parents(table):
                if parent.name in tables:
                    _check_parents(case, config, parent)
            advance(len(rows))
        if not case.lacks("prompts of tasks", "tasks", "io_pairs", "functions"):
            _check_tasks(case)


def _check_ids(case: Case, table: Table) -> None:
    id_column = table.key[0]
    for row in iterated(case.tables.rows[table.name], id_column, *table.hashed):
        expected_id = table.id(row)
        if row[id_column] != expected_id:
            detail = f"the hash of its {', '.join(table.hashed)} is {expected_id}"
            case.add_finding("ids", table.name, row[id_column], detail)


def _check_parents(case: Case, config: str, parent: Table) -> None:
    id_column, parent_ids = parent.key[0], case.tables.ids[parent.name]
    for row in iterated(case.tables.rows[config]):
        if row[id_column] not in parent_ids:
            detail = f"its {id_column}, {row[id_column]}, is not in {parent.name}"
            case.add_finding("ids", config, row_id(config, row), detail)


def _check_tasks(case: Case) -> None:
    """Make the tasks of each pair again; one may be missing, if an earlier task has the same prompt."""
    stored, stage = Stored(case.tables.rows["tasks"], ("pair_id", "direction")), Tasks()
    not_compared = ("task_id",) if case.prompts_are_ours else ("task_id", "prompt")
    for pairs in batches(case.tables.with_ancestors("io_pairs")):
        remade = [row for row in stage.rows(pairs) if isinstance(row, dict) and stored.has(row)]
        for row, difference in stored.differences(remade, not_compared):
            case.add_finding("ids", "tasks", f"{row['pair_id']}/{row['direction']}", difference)
    for pair_id, direction in stored.unmatched():
        if pair_id in case.tables.complete["io_pairs"]:
            detail = "its pair has a second task for this direction"
            case.add_finding("ids", "tasks", f"{pair_id}/{direction}", detail)
