"""The steps of the pipeline, their order and their tables; tests/stories runs them."""

import pytest

from builders.options import STAGES, START_TABLES, OptionError, Options
from builders.pipeline import STEPS, first_step, steps
from builders.schema import TABLES


def test_steps_are_those_that_a_build_can_end_with():
    assert tuple(step.name for step in STEPS) == STAGES


def test_steps_leave_every_table_between_them():
    tables = {table for step in STEPS for table in step.tables}
    assert tables == set(TABLES) - {"dropped"}


def test_steps_that_ask_a_model_say_so():
    assert [step.name for step in STEPS if step.asks_model] == ["functions", "responses", "revisions"]


def test_the_step_after_a_given_table_is_the_first():
    names = {table: first_step(table).name for table in (None, *START_TABLES)}
    assert names == {
        None: "raw_code",
        "functions": "io_pairs",
        "io_pairs": "tasks",
        "tasks": "responses",
        "turns": "training_set",
    }


def test_what_is_run_lies_between_the_first_and_the_last():
    options = Options(source="a", from_table="io_pairs")
    assert [step.name for step in steps(options, "revisions")] == ["tasks", "responses", "revisions"]
    with pytest.raises(OptionError, match="lies before tasks, the first stage to run"):
        steps(options, "io_pairs")


def test_without_turns_nothing_is_revised():
    assert [step.name for step in steps(Options(source="a", turns=0, from_table="tasks"), "revisions")] == [
        "responses"
    ]
