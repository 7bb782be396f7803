"""The observer of a build, or of another long task: what it is called with while the task runs.

Tested in tests/builders/running/test_telemetry.py.
"""

from typing import Self

from builders.running.telemetry import Meter, Sample


class Observer:
    """An observer that shows nothing, the base class of all others; it is used in a `with` block."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def on_start(self, meter: Meter) -> None:
        """Note that a stage begins; its meter shows the progress."""

    def on_sample(self, sample: Sample) -> None:
        """Note the state of a stage that asks a model; called every few seconds, from another thread."""

    def on_end(self, meter: Meter, n_kept: int, n_dropped: int) -> None:
        """Note that a stage has all its rows."""
