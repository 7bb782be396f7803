"""The options of a build, each declared once as a field of a frozen dataclass.

In: nothing. Out: a dataclass for each stage (`stages`), dataclasses of options that only decide how a build
runs (`running`), and an `Option` for each field: name, type, bounds, flag and help text. The flags of
`codeio build`, recipes, `run.json`, the command on the card and the identity of a stage are derived from
these. The package uses only the standard library, so that `--help` is fast.

Not covered: reading a command line (`cli.flags`) or a recipe (`running.recipe`).
"""

from builders.options.option import Option, OptionError, declared, part
from builders.options.running import (
    OutputOptions,
    PriceOptions,
    Recipe,
    RequestOptions,
    ServerOptions,
    WorkerOptions,
    sections,
)
from builders.options.stages import (
    STAGES,
    START_TABLES,
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
    SeedOptions,
    Source,
    SourceOptions,
    SystemMessage,
    TasksOptions,
    TrainingSetOptions,
)

__all__ = [
    "STAGES",
    "START_TABLES",
    "FileColumns",
    "FunctionsOptions",
    "IOPairsOptions",
    "Limits",
    "Option",
    "OptionError",
    "Options",
    "OutputOptions",
    "PriceOptions",
    "RawCodeOptions",
    "Recipe",
    "RequestOptions",
    "ResponsesOptions",
    "RevisionsOptions",
    "RunOptions",
    "Sampling",
    "SeedOptions",
    "ServerOptions",
    "Source",
    "SourceOptions",
    "SystemMessage",
    "TasksOptions",
    "TrainingSetOptions",
    "WorkerOptions",
    "declared",
    "part",
    "sections",
]
