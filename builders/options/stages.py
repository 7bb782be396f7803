"""Options that decide the rows of a build: one dataclass for each stage, in the order of the pipeline.

`asdict` of a stage's options is part of the stage's identity. A field that several stages share has a class
of its own, from which the stages' classes derive. `section` is the place of a class's fields in recipes and
in `--help`.

Not covered: options that do not decide a row (`running`).
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from builders.options.option import option

START_TABLES = ("functions", "io_pairs", "tasks", "turns")
"""The tables that a build can start from; the first stage to run is the one that reads the table."""


def _rises(old: int | None, new: int | None) -> bool:
    """Return whether the new value is at least the old one; None means no limit."""
    return new is None or (old is not None and new >= old)


def _rises_from_none(old: int | None, new: int | None) -> bool:
    """Return whether the new value is set and at least the old one; None means off."""
    return new is not None and (old is None or new >= old)


@dataclass(frozen=True, kw_only=True)
class Source:
    """The source of a build, and how many of its rows to read."""

    section: ClassVar[str] = ""
    source: str = option(
        ...,
        "Folder, file (.py, .jsonl, .parquet), Hub dataset or recipe (.yaml); `corpus` is a small sample.",
        flag="SOURCE",
    )
    limit: int | None = option(
        None, "Use only the first N rows of SOURCE.", min=1, grows=_rises, is_common=True
    )


@dataclass(frozen=True, kw_only=True)
class FileColumns:
    """The columns to read from a table of code files."""

    section: ClassVar[str] = "raw_code"
    content_column: str = option("content", "Column that holds the code, if SOURCE is a table.")
    path_column: str = option("path", "Column that holds the path of the file.")
    license_column: str = option("license", "Column that holds the licence of the file.")


@dataclass(frozen=True, kw_only=True)
class SourceOptions(Source, FileColumns):
    """Options that decide what is read as raw code."""


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """The table that a build starts from, and the chat template's options in every request."""

    section: ClassVar[str] = ""
    from_table: str | None = option(
        None,
        f"Start from an existing table in SOURCE: {', '.join(START_TABLES[:-1])} or {START_TABLES[-1]}.",
        flag="--from",
        choices=START_TABLES,
        is_common=True,
    )
    chat_template: dict[str, Any] | None = option(
        None, "Options for the chat template, such as '{\"enable_thinking\": false}'.", metavar="JSON"
    )


@dataclass(frozen=True, kw_only=True)
class SeedOptions:
    """The seed of a stage that draws or samples."""

    section: ClassVar[str] = ""
    seed: int = option(0, "Random seed of drawn inputs and sampled answers.", is_common=True)


@dataclass(frozen=True)
class Limits:
    """The limits of one call in the sandbox.

    Each input has its own budget. Loading the code has a separate one if it takes more than milliseconds.

    Attributes:
        cpu_s: CPU time in seconds.
        wall_s: Elapsed time in seconds: the hard limit, for code that waits instead of computing.
        memory_mb: Memory in MiB, on top of what Python itself uses.

    Example:
        >>> from builders.execution import Job, Limits, Sandbox
        >>> with Sandbox(Limits(cpu_s=0.1)) as sandbox:
        ...     [execution] = sandbox.run(Job("def f(n):\\n while True: pass", "f", ["1"]))
        >>> execution.status
        'timeout'
    """

    section: ClassVar[str] = "sandbox"
    cpu_s: float = option(5, "Maximum CPU time of one call, in seconds.", min=0.1, max=60)
    wall_s: float = option(30, "Maximum time of one call, in seconds, waiting included.", min=0.1, max=600)
    memory_mb: int = option(1024, "Maximum memory of one call, in megabytes.", min=16, max=8192)


@dataclass(frozen=True, kw_only=True)
class RawCodeOptions:
    """Options of stage 1 (`raw_code`), and of imported functions."""

    section: ClassVar[str] = "raw_code"
    license: str | None = option(
        None, "Licence of the files or functions that do not name one.", is_common=True
    )


@dataclass(frozen=True, kw_only=True)
class FunctionsOptions(SeedOptions, Limits):
    """Options of stage 2 (`functions`)."""

    section: ClassVar[str] = "functions"


@dataclass(frozen=True, kw_only=True)
class IOPairsOptions(SeedOptions, Limits):
    """Options of stage 3 (`io_pairs`)."""

    section: ClassVar[str] = "io_pairs"
    max_pairs: int = option(
        3, "Maximum number of input/output pairs per function.", min=1, max=100, is_common=True
    )


@dataclass(frozen=True, kw_only=True)
class TasksOptions:
    """Options of stage 4 (`tasks`): they decide the split of tasks, and of all rows made of them."""

    section: ClassVar[str] = "tasks"
    test_share: float = option(0.02, "Share of the functions that go to the test split.", min=0.0, max=1.0)


@dataclass(frozen=True, kw_only=True)
class SystemMessage:
    """The message at the start of every conversation."""

    section: ClassVar[str] = "responses"
    system: str | None = option(
        None,
        "File with a system message to send instead of the default one.",
        flag="--system-prompt",
        metavar="FILE",
        from_file=True,
    )


@dataclass(frozen=True, kw_only=True)
class Sampling(SeedOptions, SystemMessage):
    """The sampling of replies; the defaults are the paper's (CodeI/O, App. A).

    A reply cut off at `max_tokens` is asked for once more with `truncated_tokens`, if that is set.
    """

    section: ClassVar[str] = "responses"
    temperature: float = option(0.7, "Sampling temperature of the answers.", min=0.0)
    top_p: float = option(1.0, "Nucleus sampling (top-p) of the answers.", min=0.0, max=1.0)
    max_tokens: int = option(4096, "Maximum length of an answer, in tokens.", min=16)
    truncated_tokens: int | None = option(
        None, "Ask again with this token limit if an answer was cut off.", min=17, grows=_rises_from_none
    )


@dataclass(frozen=True, kw_only=True)
class ResponsesOptions(Sampling):
    """Options of stage 5 (`responses`)."""

    section: ClassVar[str] = "responses"
    samples: int = option(1, "Number of answers per task.", min=1, grows=_rises, is_common=True)


@dataclass(frozen=True, kw_only=True)
class RevisionsOptions:
    """Options of stage 7 (`revisions`): how often it runs. `Sampling` decides what it asks."""

    section: ClassVar[str] = "revisions"
    turns: int = option(
        1,
        "Maximum number of revisions of an answer that is not correct.",
        min=0,
        grows=_rises,
        is_common=True,
    )


@dataclass(frozen=True, kw_only=True)
class TrainingSetOptions(SystemMessage):
    """Options of stage 8 (`training_set`)."""

    section: ClassVar[str] = "training_set"
    keep_reasoning: bool = option(False, "Include a reasoning model's thoughts in the training text.")


@dataclass(frozen=True, kw_only=True)
class Options(
    SourceOptions,
    RunOptions,
    RawCodeOptions,
    FunctionsOptions,
    IOPairsOptions,
    TasksOptions,
    ResponsesOptions,
    RevisionsOptions,
    TrainingSetOptions,
):
    """All options that decide the rows of a build."""


STAGES = tuple(
    kind.section
    for kind in (
        RawCodeOptions,
        FunctionsOptions,
        IOPairsOptions,
        TasksOptions,
        ResponsesOptions,
        RevisionsOptions,
        TrainingSetOptions,
    )
)
"""The names of the stages that a build can end with, in the order of the pipeline."""
