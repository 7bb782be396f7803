"""The order of the tests, and which of them share a process.

In: the collected tests. Out: their order, and their groups: tests of a file share a process, so that the
fixtures of a module are made once. All tests with sglang come first and share one process, so that one server
runs at a time while other processes run the rest: two would take more than twice as long. The long stories
are next, so that no long file comes last.
"""

from collections.abc import Callable
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

FIRST = (
    lambda name: "sglang" in name,
    lambda name: name.startswith(("tests/stories/", "tests/notebooks/")),
    lambda name: True,
)


def scope(name: str) -> str:
    """Return the name of what tests in the same process share: a server, an attacked sandbox, or a file."""
    file, _, case = name.partition("::")
    if "sglang" in name:
        return "sglang"
    return file + case.partition("[")[2] if file.endswith("test_attacks.py") else file


class Scheduling(LoadScopeScheduling):
    """A scheduler that hands out scopes in the order of their collection."""

    def _split_scope(self, nodeid: str) -> str:
        return scope(nodeid)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put tests that take long first."""
    items.sort(key=lambda item: next(rank for rank, is_in in enumerate(FIRST) if is_in(item.nodeid)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Callable[..., Any]) -> Scheduling:
    """Return the scheduler that keeps this order with several processes."""
    config.option.loadscopereorder = False
    return Scheduling(config, log)
