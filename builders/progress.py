"""What a person watching a build sees: a bar for each stage, with requests and tokens where a model is asked.

In: what `pipeline.Build` tells its observer. Out: lines on the terminal, by rich.
"""

from collections.abc import Callable

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


class _Requests(ProgressColumn):
    """Requests and tokens since the stage began, read afresh at every redraw."""

    def render(self, task: Task) -> Text:
        usage: Usage | None = task.fields["usage"]
        if usage is None:
            return Text("")
        asked, tokens = usage.asked - task.fields["asked"], usage.completion_tokens - task.fields["tokens"]
        known = usage.from_cache - task.fields["known"]
        rate = tokens / task.elapsed if task.elapsed else 0.0
        return Text(f"{asked} asked, {known} from cache, {tokens:,} tokens ({rate:.0f}/s)", style="dim")


class Bars(Observer):
    """A progress bar a stage; also a context manager, which draws them."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.progress = Progress(
            TextColumn("{task.description:<12}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            _Requests(),
            TextColumn("{task.fields[end]}"),
            console=console,
        )

    def __enter__(self) -> "Bars":
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def begins(self, stage: str, n_rows: int, usage: Usage | None) -> Callable[[int], None]:
        """Start a bar."""
        counts = {
            "asked": usage.asked if usage else 0,
            "known": usage.from_cache if usage else 0,
            "tokens": usage.completion_tokens if usage else 0,
        }
        self.task = self.progress.add_task(stage, total=n_rows, usage=usage, end="", **counts)
        return lambda n_rows: self.progress.advance(self.task, n_rows)

    def ends(self, stage: str, n_kept: int, n_dropped: int) -> None:
        """Say what the stage kept."""
        total = self.progress.tasks[self.task].total
        end = f"{n_kept} kept, {n_dropped} dropped"
        self.progress.update(self.task, completed=total, end=end)
        self.progress.stop_task(self.task)
