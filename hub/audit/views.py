"""Conversations and training rows, made again from tasks and turns by the stages that made them.

Turns must be numbered from 0 in each conversation, and a turn's id must be the hash of its messages,
sampling, model and sample. Each view must hold the rows that follow from tasks and turns, column by column.

Not covered: the replies themselves, which only their model could give again.
Tested in tests/hub/audit/test_audit.py.
"""

from collections.abc import Iterator

from builders import training_set
from builders.options import TrainingSetOptions
from builders.responses import history, opening_messages, revision_request
from builders.schema import MESSAGES, TABLES
from builders.stage import Row
from builders.tables.joins import LazyJoin
from builders.training_set import View
from builders.verifier import CanonicalError, loads
from hub.audit.case import Case
from hub.audit.remade import Stored
from hub.audit.untrusted import batches, iterated, row_id

BATCH_TASKS = 128


def check(case: Case) -> None:
    """Make the conversations and view rows of every task again, and compare."""
    if case.lacks("views", "tasks", "turns"):
        return
    views = _views(case)
    stored = {
        view.name: Stored(case.tables.rows[view.name], view.key) for view in views if _is_stored(case, view)
    }
    n_absent = {view.name: 0 for view in views if not _is_stored(case, view)}
    not_compared = _not_compared(case)
    tasks = _tasks_with_turns(case)
    n_rows = sum(len(case.tables.rows[name]) for name in ("turns", *stored))
    with case.checking("views", n_rows) as advance:
        for rows in batches(tasks, BATCH_TASKS):
            for task in rows:
                task["conversations"] = list(_conversations(task))
                for conversation in task["conversations"]:
                    _check_conversation(case, task, conversation)
            for view in views:
                remade = [row for row in view.rows(rows) if isinstance(row, dict)]
                if view.name in n_absent:
                    n_absent[view.name] += len(remade)
                    continue
                for row, difference in stored[view.name].differences(remade, not_compared[view.name]):
                    case.add_finding("views", view.name, row_id(view.name, row), difference)
            advance(len(rows) * n_rows / len(tasks))
        for name, stored_rows in stored.items():
            for key in stored_rows.unmatched():
                row = dict(zip(TABLES[name].key, key, strict=True))
                if "task_id" not in row or row["task_id"] in case.tables.complete["tasks"]:
                    detail = "does not follow from tasks and turns"
                    case.add_finding("views", name, "/".join(map(str, key)), detail)
    for name, n_missing in n_absent.items():
        if n_missing and name not in case.tables.broken:
            detail = f"{name} is not in the dataset; {n_missing} rows would follow from its turns"
            case.add_unchecked(f"views: {detail}")


def _views(case: Case) -> list[View]:
    """Return the views that can be made from the tables that were read."""
    kinds = [kind for kind in training_set.VIEWS if not case.lacks(kind.name, *kind.needs)]
    expected = case.expectations
    options = TrainingSetOptions(system=expected.system, keep_reasoning=expected.keep_reasoning)
    return [kind(options) for kind in kinds]


def _is_stored(case: Case, view: View) -> bool:
    return view.name in case.tables.rows


def _not_compared(case: Case) -> dict[str, set[str]]:
    """Return for each view the columns that other checks cover, or that cannot be made again here."""
    in_all_views = {"license"}
    if not {"raw_code", "functions"} <= case.tables.rows.keys() and not _have_no_files(case):
        in_all_views.add("source")
        case.add_unchecked("views: the column source, which needs the tables raw_code and functions")
    return {
        view.name: in_all_views | (set() if case.prompts_are_ours else _message_columns(view))
        for view in training_set.VIEWS
    }


def _message_columns(view: type[View]) -> set[str]:
    return {name for name, kind in view.makes.types.items() if kind == MESSAGES}


def _have_no_files(case: Case) -> bool:
    """Return whether all functions came without files, so that no row has a source."""
    if "functions" not in case.tables.rows:
        return False
    return all(row["code_id"] is None for row in iterated(case.tables.rows["functions"], "code_id"))


def _tasks_with_turns(case: Case) -> LazyJoin:
    tasks = case.tables.with_ancestors("tasks")
    if "raw_code" in case.tables.rows and "functions" in case.tables.rows:
        tasks = tasks.join(case.tables.rows["raw_code"].select_columns(["code_id", "source"]), "code_id")
    return tasks.join_list("turns", case.tables.rows["turns"], "task_id")


def _conversations(task: Row) -> Iterator[Row]:
    """Yield a task's turns as the conversations from which the views were made."""
    samples: dict[int, list[Row]] = {}
    for turn in task.pop("turns"):
        samples.setdefault(turn["sample"], []).append(turn)
    for sample, turns in samples.items():
        yield {
            "task_id": task["task_id"],
            "sample": sample,
            "turns": sorted(turns, key=lambda turn: int(turn["turn"])),
        }


def _check_conversation(case: Case, task: Row, conversation: Row) -> None:
    turns = conversation["turns"]
    for number, turn in enumerate(turns):
        if turn["turn"] != number:
            detail = f"is numbered {turn['turn']}, but is turn {number} of its conversation"
            case.add_finding("views", "turns", turn["response_id"], detail)
            return
    if case.expectations.from_turns or not case.prompts_are_ours:
        case.add_unchecked("ids of turns: the requests came from another build, or had different prompts")
        return
    system = case.expectations.system
    for number, turn in enumerate(turns):
        messages = opening_messages(task, system)
        if number:
            messages = history({**task, "turns": turns[:number]}, system)
            messages.append(revision_request(task["direction"], turns[number - 1]["feedback"]))
        if turn["response_id"] != _response_id(turn, messages):
            detail = "its sampling, model, sample and the messages before it hash to a different id"
            case.add_finding("ids", "turns", turn["response_id"], detail)


def _response_id(turn: Row, messages: list[dict[str, str]]) -> str | None:
    sampling = loads(turn["sampling"] or "{}")
    try:
        return TABLES["turns"].id({**turn, "request": {**sampling, "messages": messages}})
    except CanonicalError:  # nested too deep within the whole request
        return None
