"""What a person watching a build sees: a bar for each stage, with requests and tokens where a model is asked.

In a log or pipe, where nothing can be redrawn, a line as a stage begins and one as it ends.

In: what `pipeline.Build` tells its observer. Out: lines on the terminal, by rich.
"""

from collections.abc import Callable
from dataclasses import replace
from time import monotonic
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from builders.inference import Usage
from builders.pipeline import Observer


class _State(ProgressColumn):
    """Requests and tokens since the stage began, read afresh at every redraw; at the end what it kept."""

    def render(self, task: Task) -> Text:
        usage: Usage | None = task.fields["usage"]
        if task.fields["end"] or usage is None:
            return Text(task.fields["end"])
        before: Usage = task.fields["before"]
        n_tokens = usage.completion_tokens - before.completion_tokens
        rate = n_tokens / task.elapsed if task.elapsed else 0.0
        asked, known = usage.asked - before.asked, usage.from_cache - before.from_cache
        return Text(f"asked {asked} (+{known} cached), {n_tokens:,} tokens, {rate:.0f}/s", style="dim")


class Bars(Observer):
    """A progress bar a stage, drawn inside a `with` block."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.progress = Progress(
            TextColumn("{task.description:<12}"),
            BarColumn(bar_width=16),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            _State(),
            console=console,
        )

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def begins(self, stage: str, n_rows: int, usage: Usage | None) -> Callable[[int], None]:
        """Start a bar."""
        before = replace(usage) if usage else None
        self.task = self.progress.add_task(stage, total=n_rows, usage=usage, before=before, end="")
        return lambda n_rows: self.progress.advance(self.task, n_rows)

    def ends(self, stage: str, n_kept: int, n_dropped: int) -> None:
        """Say what the stage kept."""
        total = self.progress.tasks[self.task].total
        end = f"{n_kept} kept, {n_dropped} dropped"
        self.progress.update(self.task, completed=total, end=end)
        self.progress.stop_task(self.task)


class Lines(Observer):
    """Two lines a stage."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def begins(self, stage: str, n_rows: int, usage: Usage | None) -> None:
        """Say what is at work now: a stage that asks a model can take hours."""
        self.began_s = monotonic()
        self.console.print(f"{stage}: {n_rows} rows ...", highlight=False)

    def ends(self, stage: str, n_kept: int, n_dropped: int) -> None:
        """Say what the stage kept."""
        seconds = monotonic() - self.began_s
        self.console.print(f"{stage}: {n_kept} kept, {n_dropped} dropped, {seconds:.0f} s", highlight=False)
