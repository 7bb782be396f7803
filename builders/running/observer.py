"""What is told of a build, or of another long piece of work, while it goes on.

Tested in tests/builders/running/test_telemetry.py.
"""

from typing import Self

from builders.running.telemetry import Meter, Sample


class Observer:
    """Is told how a build goes, from inside a `with` block; this one says nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def begins(self, meter: Meter) -> None:
        """A stage begins; its meter tells how it goes."""

    def goes_on(self, sample: Sample) -> None:
        """A stage that asks a model stands like this; told every few seconds, in another thread."""

    def ends(self, meter: Meter, n_kept: int, n_dropped: int) -> None:
        """A stage has all its rows."""
