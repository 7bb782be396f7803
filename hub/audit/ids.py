"""Ids, parents and prompts: an id is the hash of what it names, a parent is there, a task asks for its pair.

Not covered: ids of turns, which follow from whole conversations (`views`).
"""

from builders.schema import IDS, content_id
from builders.tasks import Tasks
from hub.audit.case import Case
from hub.audit.remade import Stored
from hub.audit.untrusted import batches, iterated, row_id

MADE_OF = {
    "raw_code": ("raw_code", "content"),
    "functions": ("function", "reference_code", "entrypoint", "input_generator", "query"),
    "io_pairs": ("io_pair", "function_id", "input", "output"),
    "tasks": ("task", "pair_id", "direction", "prompt"),
}
"""The kind of each table's ids, and the columns they are hashes of."""


def check(case: Case) -> None:
    """Look at every row that has an id or names a parent."""
    tables = {config: rows for config, rows in case.tables.rows.items() if config != "dropped"}
    with case.looking("ids", sum(map(len, tables.values()))) as advance:
        for config, rows in tables.items():
            if config in MADE_OF:
                _own_ids(case, config)
            for parent, on in IDS.items():
                if on in rows.features and parent != config and parent in tables:
                    _parents(case, config, parent, on)
            advance(len(rows))
        if not case.lacks("prompts of tasks", "tasks", "io_pairs", "functions"):
            _tasks(case)


def _own_ids(case: Case, config: str) -> None:
    kind, *columns = MADE_OF[config]
    name = IDS[config]
    for row in iterated(case.tables.rows[config], name, *columns):
        made = content_id(kind, *(row[column] for column in columns))
        if row[name] != made:
            case.found("ids", config, row[name], f"its {', '.join(columns)} have the id {made}")


def _parents(case: Case, config: str, parent: str, on: str) -> None:
    known = case.tables.ids[parent]
    for row in iterated(case.tables.rows[config]):
        if row[on] not in known:
            case.found("ids", config, row_id(config, row), f"its {on}, {row[on]}, is not in {parent}")


def _tasks(case: Case) -> None:
    """Write each pair's tasks again; some may be absent, of which another has the same prompt."""
    stored, stage = Stored(case.tables.rows["tasks"], ("pair_id", "direction")), Tasks()
    but = ("task_id",) if case.prompts_are_ours else ("task_id", "prompt")
    for pairs in batches(case.tables.beside("io_pairs")):
        remade = [row for row in stage.rows(pairs) if isinstance(row, dict) and stored.has(row)]
        for row, difference in stored.differences(remade, but):
            case.found("ids", "tasks", f"{row['pair_id']}/{row['direction']}", difference)
    for pair_id, direction in stored.left():
        if pair_id in case.tables.whole["io_pairs"]:
            case.found(
                "ids", "tasks", f"{pair_id}/{direction}", "its pair has another task of this direction"
            )
