"""What a person watching a build sees: a bar for each stage, with requests and tokens where a model is asked.

In: what `pipeline.Build` tells its observer. Out: lines on the terminal, by rich.
"""

from collections.abc import Callable
from dataclasses import replace

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
    """A progress bar a stage; also a context manager, which draws them."""

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

    def __enter__(self) -> "Bars":
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
