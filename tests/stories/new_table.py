"""A new table for tests: one declaration and one stage. Nothing else in the project changes."""

from builders import training_set
from builders.schema import TABLES, Column, Table
from builders.stage import Drop
from builders.training_set import View
from builders.verifier import canonical

LENGTHS = Table(
    name="lengths",
    row="how long the first answers to a question are",
    columns={
        "length_id": Column("string", "these lengths"),
        "task_id": Column("string", "the task that was answered"),
        "longest": Column("string", "the longest answer", required=True, searched=True),
        "n_chars": Column("string", "characters of each answer, canonical JSON", is_json=True),
        "grades": Column(["string"], "the verdict on each"),
        "license": Column("string", "as that of the function"),
    },
    key=("length_id",),
    kind="length",
    hashed=("task_id", "longest"),
    made_by=("lengths",),
    grade="grades",
)


class Lengths(View):
    """The stage from tasks to the lengths of their answers; it drops tasks that ask for an input."""

    makes = LENGTHS

    def rows_of_task(self, task, conversations):
        turns = [conversation["turns"][0] for conversation in conversations]
        if task["direction"] == "input":
            yield Drop(task["task_id"], task["pair_id"], "not_measured", "asks for an input", task["prompt"])
            return
        row = {
            "task_id": task["task_id"],
            "longest": max((turn["response"] for turn in turns), key=len),
            "n_chars": canonical([len(turn["response"]) for turn in turns]),
            "grades": [turn["status"] for turn in turns],
            "license": task["license"],
        }
        yield {"length_id": LENGTHS.id(row), **row}


def declare() -> None:
    """Add the table to this process."""
    TABLES[LENGTHS.name] = LENGTHS
    training_set.VIEWS = (*training_set.VIEWS, Lengths)
