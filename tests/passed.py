"""The record of tests that have passed, by room: a case is skipped if nothing that it depends on has changed.

In: for each room a digest of its code, its tests, what both import, and the packages, Python and kernel they
run on. Out: a case that has passed with the same digest is skipped, unless `--full` is given. The doubles are
skipped in every run, the other rooms only with `--unchanged`, as `make quick` does. The records are in the
tests' cache, so a new machine runs all cases. A run adds the cases that pass; if one of a room's tests fails,
it adds none of that room.
"""

import hashlib
import json
import platform
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import NamedTuple

import pytest

from tests import ROOT
from tests.doubles.build import tests_cache

COMMON = (
    "pyproject.toml",
    *("tests/__init__.py", "tests/conftest.py", "tests/passed.py"),
    *(f"tests/doubles/{name}.py" for name in ("build", "process", "uv")),
    "builders/inference/servers/identity.py",  # the cache's folder
)
BELOW = ("builders/errors.py", "builders/options/*.py")


class Room(NamedTuple):
    """A part of the project whose tests depend on few files."""

    name: str
    tests: str | tuple[str, ...]
    """What the ids of its tests start with: one beginning, or several."""
    files: tuple[str, ...]
    """Patterns of the files that can change their results, beside COMMON."""
    is_double: bool = False
    """Whether nothing that users get depends on it, so that no run needs to repeat its tests."""


ROOMS = (
    Room("local-hub", "tests/doubles/local_hub/", ("tests/doubles/local_hub/**/*.*", *BELOW), is_double=True),
    Room(
        "sglang",
        "tests/doubles/test_sglang_cpu.py",
        (
            *("tests/doubles/test_sglang_cpu.py", "tests/doubles/servers.py"),
            *("tests/doubles/sglang_cpu/**/*.*", "tests/builders/inference/posting.py"),
            *("builders/inference/**/*.py", *BELOW),
        ),
        is_double=True,
    ),
    Room(
        "execution",
        "tests/builders/execution/",
        (
            *("builders/execution/**/*.py", "builders/verifier.py", *BELOW),
            *("tests/builders/execution/**/*.*", "tests/bench/endurance.py", "tests/json_values.py"),
            *("../shared/attacks/*.jsonl", "../shared/data/unified_reference.jsonl"),
        ),
    ),
    Room(
        "inference",
        "tests/builders/inference/",
        (
            *("builders/inference/**/*.*", *BELOW),
            *("tests/builders/inference/**/*.*", "tests/doubles/chat_server.py"),
        ),
    ),
    Room(
        "stages",
        (
            *("tests/builders/functions/", "tests/builders/test_io_pairs.py"),
            *("tests/builders/test_verdicts.py", "tests/builders/test_verifier.py"),
        ),
        (
            *("builders/**/*.*", "prompts/**/*.*", "tests/builders/functions/**/*.*"),
            *("tests/builders/test_*.py", "tests/json_values.py", "tests/doubles/chat_server.py"),
        ),
    ),
)


def files(room: Room) -> list[Path]:
    """Return all files that can change the results of a room's tests."""
    found = {file for pattern in (*COMMON, *room.files) for file in ROOT.glob(pattern)}
    return sorted(file for file in found if file.is_file() and "__pycache__" not in file.parts)


@cache
def surroundings() -> str:
    """Return what tests run on: the kernel, the Python and all packages."""
    packages = sorted(f"{each.name} {each.version}" for each in distributions())
    return "\n".join([platform.platform(), platform.python_version(), *packages])


def digest(room: Room) -> str:
    """Return the digest of everything that can change the results of a room's tests."""
    parts = [surroundings().encode(), *(file.read_bytes() for file in files(room))]
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()[:16]


class Passed:
    """The cases of a room that have passed with its digest, in earlier runs and in this one."""

    def __init__(self, room: Room, file: Path) -> None:
        self.room = room
        self.file = file
        self.passed_before: set[str] = set(json.loads(file.read_text())) if file.exists() else set()
        self.passed_now: set[str] = set()
        self.has_failed = False

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Skip the cases that have passed."""
        if config.getoption("full") or not (self.room.is_double or config.getoption("unchanged")):
            return
        for item in items:
            if item.nodeid in self.passed_before:
                item.add_marker(pytest.mark.skip(reason="has passed on the same code; --full runs it"))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Record the result of a case; the main process receives the results of all workers."""
        if report.nodeid.startswith(self.room.tests):
            self.has_failed |= report.failed
            if report.when == "call" and report.passed:
                self.passed_now.add(report.nodeid)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the record, only in the main process."""
        if self.passed_now and not self.has_failed and not hasattr(session.config, "workerinput"):
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self.file.write_text(json.dumps(sorted(self.passed_before | self.passed_now)))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="run the tests of all rooms, changed or not")
    parser.addoption(
        "--unchanged", action="store_true", help="skip what has passed in all rooms, not only in doubles"
    )


def pytest_configure(config: pytest.Config) -> None:
    for room in ROOMS:
        file = tests_cache() / f"{room.name}-{digest(room)}.json"
        config.pluginmanager.register(Passed(room, file), f"passed-{room.name}")
