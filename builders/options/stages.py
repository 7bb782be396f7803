"""What decides the rows of a build, a dataclass a stage, in the order of the pipeline.

`asdict` of what a stage takes is a part of its identity. A field that several stages take stands in a class
of its own from which theirs derive; a `section` is where recipes and `--help` have the fields of a class.

Not covered: what does not decide a row (`running`).
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from builders.options.option import option

GIVEN = ("functions", "io_pairs", "tasks", "turns")
"""The tables that a build can begin with: the next stage runs first."""


def _rises(old: int | None, new: int | None) -> bool:
    """None is no limit at all."""
    return new is None or (old is not None and new >= old)


def _rises_from_none(old: int | None, new: int | None) -> bool:
    """None asks for nothing."""
    return new is not None and (old is None or new >= old)


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where rows come from, and how many."""

    section: ClassVar[str] = ""
    source: str = option(
        ...,
        "Folder, file (.py, .jsonl, .parquet), Hub dataset or recipe (.yaml); `corpus`: our sample.",
        flag="SOURCE",
    )
    limit: int | None = option(None, "Only the first N rows of SOURCE.", min=1, grows=_rises, is_common=True)


@dataclass(frozen=True, kw_only=True)
class FileColumns:
    """Columns of a table with code files."""

    section: ClassVar[str] = "raw_code"
    content_column: str = option("content", "Column of a table that holds the code.")
    path_column: str = option("path", "Column with the path.")
    license_column: str = option("license", "Column with the licence.")


@dataclass(frozen=True, kw_only=True)
class SourceOptions(Source, FileColumns):
    """What is read as raw code."""


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Where a build begins, and what every request has."""

    section: ClassVar[str] = ""
    from_table: str | None = option(
        None,
        f"SOURCE is this table: {', '.join(GIVEN[:-1])} or {GIVEN[-1]}.",
        flag="--from",
        choices=GIVEN,
        is_common=True,
    )
    chat_template: dict[str, Any] | None = option(
        None, "Options of the chat template: '{\"enable_thinking\": false}'.", metavar="JSON"
    )


@dataclass(frozen=True, kw_only=True)
class Seeded:
    """The seed of a stage that draws or samples."""

    section: ClassVar[str] = ""
    seed: int = option(0, "Seeds draws and sampling.", is_common=True)


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
    cpu_s: float = option(5, "Seconds of CPU that one call may take.", min=0.1, max=60)
    wall_s: float = option(30, "Seconds that one call may take, waiting included.", min=0.1, max=600)
    memory_mb: int = option(1024, "Megabytes that one call may take.", min=16, max=8192)


@dataclass(frozen=True, kw_only=True)
class RawCodeOptions:
    """Stage 1, and functions that are imported."""

    section: ClassVar[str] = "raw_code"
    license: str | None = option(
        None, "Licence of files or functions that name none themselves.", is_common=True
    )


@dataclass(frozen=True, kw_only=True)
class FunctionsOptions(Seeded, Limits):
    """Stage 2."""

    section: ClassVar[str] = "functions"


@dataclass(frozen=True, kw_only=True)
class IOPairsOptions(Seeded, Limits):
    """Stage 3."""

    section: ClassVar[str] = "io_pairs"
    max_pairs: int = option(3, "Most pairs a function.", min=1, max=100, is_common=True)


@dataclass(frozen=True, kw_only=True)
class TasksOptions:
    """Stage 4; it decides where the rows of this stage and all later ones stand."""

    section: ClassVar[str] = "tasks"
    test_share: float = option(0.02, "Share of functions kept for the test split.", min=0.0, max=1.0)


@dataclass(frozen=True, kw_only=True)
class SystemMessage:
    """The message that every conversation begins with."""

    section: ClassVar[str] = "responses"
    system: str | None = option(
        None,
        "File with a system message to send instead of ours.",
        flag="--system-prompt",
        metavar="FILE",
        from_file=True,
    )


@dataclass(frozen=True, kw_only=True)
class Sampling(Seeded, SystemMessage):
    """How replies are drawn; the defaults are the paper's (CodeI/O, App. A).

    A reply cut off at `max_tokens` is asked for once more with `truncated_tokens`, where that is given.
    """

    section: ClassVar[str] = "responses"
    temperature: float = option(0.7, "Of the answers.", min=0.0)
    top_p: float = option(1.0, "Of the answers.", min=0.0, max=1.0)
    max_tokens: int = option(4096, "Longest answer, in tokens.", min=16)
    truncated_tokens: int | None = option(
        None, "Ask again with this limit where an answer was cut off.", min=17, grows=_rises_from_none
    )


@dataclass(frozen=True, kw_only=True)
class ResponsesOptions(Sampling):
    """Stage 5."""

    section: ClassVar[str] = "responses"
    samples: int = option(1, "Answers a task.", min=1, grows=_rises, is_common=True)


@dataclass(frozen=True, kw_only=True)
class RevisionsOptions:
    """Stage 7: how often it runs. What it asks is decided by `Sampling`."""

    section: ClassVar[str] = "revisions"
    turns: int = option(1, "Revision turns after the first answer.", min=0, grows=_rises, is_common=True)


@dataclass(frozen=True, kw_only=True)
class TrainingSetOptions(SystemMessage):
    """Stage 8."""

    section: ClassVar[str] = "training_set"
    keep_reasoning: bool = option(False, "Keep a reasoning model's thoughts in the training text.")


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
    """All that decides the rows of a build."""


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
