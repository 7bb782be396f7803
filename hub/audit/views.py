"""Conversations, and what people train on: laid out again from tasks and turns by the stages that did so.

Turns are numbered from 0 in each conversation, and a turn's id is the hash of what was asked, how, and of
whom. The rows of each view are those that follow from tasks and turns, column by column.

Not covered: the replies themselves, which only their model could give again.
Tested in tests/hub/audit/test_audit.py.
"""

from collections.abc import Iterator

from builders import training_set
from builders.options import TrainingSetOptions
from builders.responses import history, opening, revision_request
from builders.schema import MESSAGES, TABLES
from builders.stage import Row
from builders.tables.joins import Joined
from builders.training_set import View
from builders.verifier import CanonicalError, loads
from hub.audit.case import Case
from hub.audit.remade import Stored
from hub.audit.untrusted import batches, iterated, row_id

BATCH_TASKS = 128


def check(case: Case) -> None:
    """Lay out every task's conversations, and compare."""
    if case.lacks("views", "tasks", "turns"):
        return
    views = _views(case)
    stored = {
        view.name: Stored(case.tables.rows[view.name], view.key) for view in views if _there(case, view)
    }
    absent = {view.name: 0 for view in views if not _there(case, view)}
    but = _not_compared(case)
    tasks = _gathered(case)
    n_rows = sum(len(case.tables.rows[name]) for name in ("turns", *stored))
    with case.looking("views", n_rows) as advance:
        for rows in batches(tasks, BATCH_TASKS):
            for task in rows:
                task["conversations"] = list(_conversations(task))
                for conversation in task["conversations"]:
                    _look_at(case, task, conversation)
            for view in views:
                remade = [row for row in view.rows(rows) if isinstance(row, dict)]
                if view.name in absent:
                    absent[view.name] += len(remade)
                    continue
                for row, difference in stored[view.name].differences(remade, but[view.name]):
                    case.found("views", view.name, row_id(view.name, row), difference)
            advance(len(rows) * n_rows / len(tasks))
        for name, own in stored.items():
            for key in own.left():
                row = dict(zip(TABLES[name].key, key, strict=True))
                if "task_id" not in row or row["task_id"] in case.tables.whole["tasks"]:
                    detail = "does not follow from tasks and turns"
                    case.found("views", name, "/".join(map(str, key)), detail)
    for name, n_absent in absent.items():
        if n_absent and name not in case.tables.broken:
            case.leaves_out(f"views: {name} is not part of it; {n_absent} rows would follow")


def _views(case: Case) -> list[View]:
    """Those that can be laid out from the tables at hand."""
    kinds = [kind for kind in training_set.VIEWS if not case.lacks(kind.name, *kind.needs)]
    options = TrainingSetOptions(system=case.facts.system, keep_reasoning=case.facts.keep_reasoning)
    return [kind(options) for kind in kinds]


def _there(case: Case, view: View) -> bool:
    return view.name in case.tables.rows


def _not_compared(case: Case) -> dict[str, set[str]]:
    """Of each view, columns that other checks look at, or that cannot be made again here."""
    some = {"license"}
    if not {"raw_code", "functions"} <= case.tables.rows.keys() and not _without_files(case):
        some.add("source")
        case.leaves_out("views: the column source, without the tables raw_code and functions")
    return {
        view.name: some | (set() if case.prompts_are_ours else _messages(view)) for view in training_set.VIEWS
    }


def _messages(view: type[View]) -> set[str]:
    return {name for name, kind in view.makes.types.items() if kind == MESSAGES}


def _without_files(case: Case) -> bool:
    """Whether all functions came without files, so that no row has a source."""
    if "functions" not in case.tables.rows:
        return False
    return all(row["code_id"] is None for row in iterated(case.tables.rows["functions"], "code_id"))


def _gathered(case: Case) -> Joined:
    tasks = case.tables.beside("tasks")
    if "raw_code" in case.tables.rows and "functions" in case.tables.rows:
        tasks = tasks.to(case.tables.rows["raw_code"].select_columns(["code_id", "source"]), "code_id")
    return tasks.gathering("turns", case.tables.rows["turns"], "task_id")


def _conversations(task: Row) -> Iterator[Row]:
    """A task's turns as they were before they were laid out."""
    samples: dict[int, list[Row]] = {}
    for turn in task.pop("turns"):
        samples.setdefault(turn["sample"], []).append(turn)
    for sample, turns in samples.items():
        yield {
            "task_id": task["task_id"],
            "sample": sample,
            "turns": sorted(turns, key=lambda turn: int(turn["turn"])),
        }


def _look_at(case: Case, task: Row, conversation: Row) -> None:
    turns = conversation["turns"]
    for number, turn in enumerate(turns):
        if turn["turn"] != number:
            detail = f"is turn {turn['turn']} of its conversation, in the place of turn {number}"
            case.found("views", "turns", turn["response_id"], detail)
            return
    if case.facts.from_turns or not case.prompts_are_ours:
        case.leaves_out("ids of turns: they were asked by another build, or with other prompts")
        return
    for number, turn in enumerate(turns):
        messages = opening(task, case.facts.system)
        if number:
            messages = history({**task, "turns": turns[:number]}, case.facts.system)
            messages.append(revision_request(task["direction"], turns[number - 1]["feedback"]))
        if turn["response_id"] != _response_id(turn, messages):
            detail = "its sampling, model, sample and the messages before it have another id"
            case.found("ids", "turns", turn["response_id"], detail)


def _response_id(turn: Row, messages: list[dict[str, str]]) -> str | None:
    asked = loads(turn["sampling"] or "{}")
    try:
        return TABLES["turns"].id({**turn, "request": {**asked, "messages": messages}})
    except CanonicalError:  # nested too deep with all around it
        return None
