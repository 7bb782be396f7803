"""In what order tests run, and which of them in one process.

In: what was collected. Out: files, each whole in one process, so that what a module's tests share is made
once; the sglang server's tests are the first and in one process, which starts it once while another one goes
on with the rest; the long stories are next, so that no long file is the last.
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
    """Return what tests of one process share: a server, an attacked sandbox, or a file."""
    file, _, case = name.partition("::")
    if "sglang" in name:
        return "sglang"
    return file + case.partition("[")[2] if file.endswith("test_attacks.py") else file


class Scheduling(LoadScopeScheduling):
    """Hands out scopes in the order that they were collected in."""

    def _split_scope(self, nodeid: str) -> str:
        return scope(nodeid)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what takes long first."""
    items.sort(key=lambda item: next(rank for rank, is_in in enumerate(FIRST) if is_in(item.nodeid)))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Callable[..., Any]) -> Scheduling:
    """Run several processes in that order."""
    config.option.loadscopereorder = False
    return Scheduling(config, log)
