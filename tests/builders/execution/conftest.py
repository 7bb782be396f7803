"""The sandbox that most tests of execution share."""

from collections.abc import Iterator

import pytest

from builders.execution import Limits, Sandbox


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Limits(cpu_s=5, wall_s=60, memory_mb=256)) as sandbox:
        yield sandbox
