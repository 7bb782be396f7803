"""The pipeline: its steps in order, each with the stages that it runs.

In: options. Out: the steps that a build has to run.

Not covered: what a step does (`build`).
"""

from collections.abc import Callable
from dataclasses import dataclass

from builders import training_set
from builders.build import Build
from builders.functions.stage import Functions
from builders.io_pairs import IOPairs
from builders.options import OptionError, Options
from builders.raw_code import RawCode
from builders.responses import Responses
from builders.revisions import Revisions
from builders.schema import TABLES
from builders.stage import Stage
from builders.tasks import Tasks
from builders.training_set import Turns
from builders.verdicts import Verdicts


@dataclass(frozen=True)
class Step:
    """A part of the pipeline that can be the first or the last to run, and the stages that it runs."""

    name: str
    run: Callable[[Build], None]
    stages: tuple[type[Stage], ...]
    is_due: Callable[[Options], bool] = lambda options: True

    @property
    def asks_model(self) -> bool:
        """Whether one of its stages asks a model."""
        return any(stage.asks_model for stage in self.stages)

    @property
    def tables(self) -> list[str]:
        """The names of the tables that it writes."""
        return [stage.name for stage in self.stages if stage.name in TABLES]


STEPS = (
    Step("raw_code", Build.make_raw_code, (RawCode,)),
    Step("functions", Build.make_functions, (Functions,)),
    Step("io_pairs", Build.make_io_pairs, (IOPairs,)),
    Step("tasks", Build.make_tasks, (Tasks,)),
    Step("responses", Build.make_responses, (Responses, Verdicts, Turns)),
    Step("revisions", Build.make_revisions, (Revisions, Verdicts, Turns), lambda options: options.turns > 0),
    Step("training_set", Build.make_training_set, training_set.VIEWS),
)


def steps(options: Options, until: str) -> list[Step]:
    """Return the steps that a build has to run, in order, up to the one named `until`.

    Raises OptionError if that step comes before the first one to run.
    """
    first = first_step(options.from_table)
    todo = STEPS[STEPS.index(first) : STEPS.index(step_named(until)) + 1]
    if not todo:
        raise OptionError("until", f"lies before {first.name}, the first stage to run")
    return [step for step in todo if step.is_due(options)]


def first_step(from_table: str | None) -> Step:
    """Return the step that reads the given table: the one after the last that writes it."""
    writers = [index for index, step in enumerate(STEPS) if from_table in step.tables]
    return STEPS[writers[-1] + 1 if writers else 0]


def step_named(name: str) -> Step:
    """Return the step of that name."""
    return next(step for step in STEPS if step.name == name)
