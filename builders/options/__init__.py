"""What a build is told: every option once, as a field of a frozen dataclass.

In: nothing. Out: a dataclass a stage (`stages`), what only says how a build is run (`running`), and of each
field its `Option`: name, type, bounds, flag, help. The flags of `codeio build`, recipes, `run.json`, the
command on the card and the identity of a stage are made from these. Standard library only, so that `--help`
takes no time.

Not covered: how a command line (`cli.flags`) or a recipe (`running.recipe`) is read.
"""

from builders.options.option import Option, OptionError, declared, part
from builders.options.running import Asking, Pricing, Recipe, Running, Serving, Workers, sections
from builders.options.stages import (
    GIVEN,
    STAGES,
    FileColumns,
    FunctionsOptions,
    IOPairsOptions,
    Limits,
    Options,
    RawCodeOptions,
    ResponsesOptions,
    RevisionsOptions,
    RunOptions,
    Sampling,
    Seeded,
    Source,
    SourceOptions,
    SystemMessage,
    TasksOptions,
    TrainingSetOptions,
)

__all__ = [
    "GIVEN",
    "STAGES",
    "Asking",
    "FileColumns",
    "FunctionsOptions",
    "IOPairsOptions",
    "Limits",
    "Option",
    "OptionError",
    "Options",
    "Pricing",
    "RawCodeOptions",
    "Recipe",
    "ResponsesOptions",
    "RevisionsOptions",
    "RunOptions",
    "Running",
    "Sampling",
    "Seeded",
    "Serving",
    "Source",
    "SourceOptions",
    "SystemMessage",
    "TasksOptions",
    "TrainingSetOptions",
    "Workers",
    "declared",
    "part",
    "sections",
]
