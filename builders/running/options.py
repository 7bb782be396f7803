"""What decides the rows of a build.

Not covered: what does not (addresses of servers, workers, patience), and how the command is told (`build`).
"""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from builders.execution import Limits


@dataclass(frozen=True)
class Sampling:
    """How replies are drawn; the defaults are the paper's (CodeI/O, App. A).

    A reply cut off at `max_tokens` is asked for once more with `truncated_tokens`, where that is given.
    `system` replaces our system message.
    """

    temperature: float = 0.7
    top_p: float = 1.0
    max_tokens: int = 4096
    seed: int = 0
    truncated_tokens: int | None = None
    system: str | None = None


@dataclass(frozen=True)
class Options:
    """What decides the rows of a build."""

    source: str
    from_table: str | None = None
    content_column: str = "content"
    path_column: str = "path"
    license_column: str = "license"
    license: str | None = None
    limit: int | None = None
    max_pairs: int = 3
    turns: int = 1
    samples: int = 1
    seed: int = 0
    test_share: float = 0.02
    chat_template: dict[str, Any] | None = None
    keep_reasoning: bool = False
    sampling: Sampling = field(default_factory=Sampling)
    limits: Limits = field(default_factory=Limits)


def deciding(options: Options) -> dict[str, Any]:
    """The options flat and as JSON, the way run.json keeps them."""
    found = asdict(options)
    if Path(options.source).exists():
        found["source"] = str(Path(options.source).resolve())
    return {**found.pop("sampling"), **found.pop("limits"), **found}
