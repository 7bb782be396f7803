"""The observer of a build or of an audit: the interface that shows its progress.

Tested in tests/builders/running/test_telemetry.py.
"""

from typing import Self

from builders.running.telemetry import Meter, Sample


class Observer:
    """The base class of observers, which are context managers; this one shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def on_start(self, meter: Meter) -> None:
        """Handle the start of a stage; `meter` counts its rows from now on."""

    def on_sample(self, sample: Sample) -> None:
        """Handle a sample of a stage that asks a model; called every few seconds, from another thread."""

    def on_end(self, meter: Meter, n_kept: int, n_dropped: int) -> None:
        """Handle the end of a stage, with the numbers of rows that it kept and dropped."""
