"""What a person watching a build sees: a bar for each stage, and below it how the model is doing.

In a log or pipe, where nothing can be redrawn, a line as a stage begins, one each minute, one as it ends.

In: what `pipeline.Build` tells its observer. Out: lines on the terminal, by rich.
Tested in tests/stories/test_build.py.
"""

from collections.abc import Iterable
from datetime import timedelta
from time import monotonic
from typing import Self

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from builders.running.observer import Observer
from builders.running.telemetry import Meter, Sample

LINE_EVERY_S = 60.0
OUTCOMES = ("kept", "dropped")


def facts(sample: Sample) -> dict[str, str]:
    """A sample in words, by name."""
    told = {
        "requests": f"{sample.in_flight} in flight, {sample.waiting} waiting, {sample.answered} answered, "
        f"{sample.from_cache} known",
        "tokens/s": f"{sample.prompt_tokens_per_s:,.0f} in, {sample.completion_tokens_per_s:,.0f} out",
    }
    if sample.cached_share is not None:
        told["prefix cache"] = f"{sample.cached_share:.0%} of tokens in"
    if sample.failures:
        told["failures"] = ", ".join(f"{count} {reason}" for reason, count in sample.failures.items())
    if sample.cost is not None:
        told["cost"] = f"{sample.cost:,.2f}"
    if sample.seconds_left:
        told["left"] = str(timedelta(seconds=round(sample.seconds_left)))
    return told


class _Progress(Progress):
    """Bars, and below them a table about the stage under way, read afresh at every redraw."""

    meter: Meter | None = None

    def get_renderables(self) -> Iterable[RenderableType]:
        """What is drawn, from top to bottom."""
        for task in self.tasks:
            meter: Meter | None = task.fields["meter"]
            if meter and not task.finished:
                task.completed = min(meter.rows, meter.n_rows)
        yield self.make_tasks_table(self.tasks)
        if self.meter and self.meter.usage:
            table = Table.grid(padding=(0, 2))
            for name, value in facts(self.meter.read()).items():
                table.add_row(f"  {name}", value, style="dim")
            yield table


class Bars(Observer):
    """A progress bar a stage, drawn inside a `with` block; `outcomes`: what becomes of its rows."""

    def __init__(self, console: Console, outcomes: tuple[str, str] = OUTCOMES) -> None:
        self.outcomes = outcomes
        self.progress = _Progress(
            TextColumn("{task.description:<12}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[end]}"),
            console=console,
        )

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.meter = None
        self.progress.stop()

    def begins(self, meter: Meter) -> None:
        """Start a bar."""
        self.task = self.progress.add_task(meter.stage, total=meter.n_rows, meter=meter, end="")
        self.progress.meter = meter

    def ends(self, meter: Meter, n_kept: int, n_dropped: int) -> None:
        """Say what the stage kept."""
        kept, dropped = self.outcomes
        end = f"{n_kept} {kept}, {n_dropped} {dropped}"
        self.progress.update(self.task, completed=meter.n_rows, end=end)
        self.progress.stop_task(self.task)
        self.progress.meter = None


class Lines(Observer):
    """Two lines a stage, and one each minute where a model is asked."""

    def __init__(self, console: Console, outcomes: tuple[str, str] = OUTCOMES) -> None:
        self.console = console
        self.outcomes = outcomes

    def begins(self, meter: Meter) -> None:
        """Say what is at work now: a stage that asks a model can take hours."""
        self.began_s = self.told_s = monotonic()
        self.console.print(f"{meter.stage}: {meter.n_rows} rows ...", highlight=False)

    def goes_on(self, sample: Sample) -> None:
        """Say how it stands, once in a while."""
        if monotonic() - self.told_s >= LINE_EVERY_S:
            self.told_s = monotonic()
            told = "; ".join(f"{name} {value}" for name, value in facts(sample).items())
            self.console.print(
                f"{sample.stage}: {sample.rows} of {sample.n_rows} rows; {told}", highlight=False
            )

    def ends(self, meter: Meter, n_kept: int, n_dropped: int) -> None:
        """Say what the stage kept."""
        seconds = monotonic() - self.began_s
        kept, dropped = self.outcomes
        self.console.print(
            f"{meter.stage}: {n_kept} {kept}, {n_dropped} {dropped}, {seconds:.0f} s", highlight=False
        )
