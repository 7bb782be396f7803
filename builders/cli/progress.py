"""Progress of a build: a bar for each stage, and below it the state of requests to the model.

A log or a pipe cannot be redrawn: it gets a line when a stage begins, one each minute, and one when it ends.

In: what a build reports to its observer. Out: lines on the terminal, by rich.
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


def in_words(sample: Sample) -> dict[str, str]:
    """Return the measurements of a sample as text, by name."""
    texts = {
        "requests": f"{sample.in_flight} in flight, {sample.waiting} waiting, {sample.answered} answered, "
        f"{sample.from_cache} cached",
        "tokens/s": f"{sample.prompt_tokens_per_s:,.0f} in, {sample.completion_tokens_per_s:,.0f} out",
    }
    if sample.cached_share is not None:
        texts["prefix cache"] = f"{sample.cached_share:.0%} of tokens in"
    if sample.failures:
        texts["failures"] = ", ".join(f"{count} {reason}" for reason, count in sample.failures.items())
    if sample.cost is not None:
        texts["cost"] = f"{sample.cost:,.2f}"
    if sample.seconds_left:
        texts["time left"] = str(timedelta(seconds=round(sample.seconds_left)))
    return texts


class _Progress(Progress):
    """Bars, and below them a table about the current stage, updated at every redraw."""

    meter: Meter | None = None

    def get_renderables(self) -> Iterable[RenderableType]:
        """Yield the parts of the display, from top to bottom."""
        for task in self.tasks:
            meter: Meter | None = task.fields["meter"]
            if meter and not task.finished:
                task.completed = min(meter.rows, meter.n_rows)
        yield self.make_tasks_table(self.tasks)
        if self.meter and self.meter.usage:
            table = Table.grid(padding=(0, 2))
            for name, value in in_words(self.meter.sample()).items():
                table.add_row(f"  {name}", value, style="dim")
            yield table


class Bars(Observer):
    """A progress bar for each stage, shown inside a `with` block; `outcomes` names what becomes of rows."""

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

    def on_start(self, meter: Meter) -> None:
        """Add a bar for the stage."""
        self.task = self.progress.add_task(meter.stage, total=meter.n_rows, meter=meter, end="")
        self.progress.meter = meter

    def on_end(self, meter: Meter, n_kept: int, n_dropped: int) -> None:
        """Show how many rows the stage kept and dropped."""
        kept, dropped = self.outcomes
        end = f"{n_kept} {kept}, {n_dropped} {dropped}"
        self.progress.update(self.task, completed=meter.n_rows, end=end)
        self.progress.stop_task(self.task)
        self.progress.meter = None


class Lines(Observer):
    """Two lines for each stage, and one each minute while a model is asked."""

    def __init__(self, console: Console, outcomes: tuple[str, str] = OUTCOMES) -> None:
        self.console = console
        self.outcomes = outcomes

    def on_start(self, meter: Meter) -> None:
        """Print that the stage begins: one that asks a model can take hours."""
        self.began_s = self.printed_s = monotonic()
        self.console.print(f"{meter.stage}: {meter.n_rows} rows ...", highlight=False)

    def on_sample(self, sample: Sample) -> None:
        """Print the state of the stage, once every LINE_EVERY_S."""
        if monotonic() - self.printed_s >= LINE_EVERY_S:
            self.printed_s = monotonic()
            state = "; ".join(f"{name} {value}" for name, value in in_words(sample).items())
            self.console.print(
                f"{sample.stage}: {sample.rows} of {sample.n_rows} rows; {state}", highlight=False
            )

    def on_end(self, meter: Meter, n_kept: int, n_dropped: int) -> None:
        """Show how many rows the stage kept and dropped."""
        seconds = monotonic() - self.began_s
        kept, dropped = self.outcomes
        self.console.print(
            f"{meter.stage}: {n_kept} {kept}, {n_dropped} {dropped}, {seconds:.0f} s", highlight=False
        )
