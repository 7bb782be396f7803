"""The options of a build, each declared once as a field of a frozen dataclass.

In: nothing. Out: one dataclass for each stage (`stages`), the options that only say how a build runs
(`running`), and an `Option` for each field: name, type, bounds, flag and help text. The flags of
`codeio build`, recipes, `run.json`, the command on the card and the identity of a stage are derived from
these. The package uses only the standard library, so that `--help` is fast.

Not covered: reading a command line (`cli.flags`) or a recipe (`running.recipe`).
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
