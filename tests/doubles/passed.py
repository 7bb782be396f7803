"""The record of the doubles' own tests that have passed.

In: for each double a digest of its code, its tests and the versions of its clients. Out: a case that has
passed with the same digest is skipped, unless `--full` is given. The records are in the tests' cache, so a
new machine runs all cases. A run adds the cases that pass; if one of a double's tests fails, it adds none of
that double.
"""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import pytest

from tests import ROOT
from tests.doubles.build import tests_cache

CLIENTS = ("huggingface_hub", "datasets", "fsspec", "pyarrow", "httpx2", "pytest")
COMMON = ("pyproject.toml", *(f"tests/doubles/{name}.py" for name in ("build", "passed", "process", "uv")))


class Double(NamedTuple):
    """A double, and how its own tests are recognised."""

    name: str
    tests: str
    """What the ids of its tests start with."""
    files: tuple[str, ...]
    """Patterns of the files that can change their results."""


DOUBLES = (
    Double(
        "local-hub",
        "tests/doubles/local_hub/",
        ("tests/doubles/local_hub/**/*.py", "tests/doubles/local_hub/*.txt"),
    ),
    Double(
        "sglang",
        "tests/doubles/test_sglang_cpu.py",
        (
            *(
                "tests/doubles/test_sglang_cpu.py",
                "tests/doubles/servers.py",
                "tests/doubles/sglang_cpu/*.txt",
            ),
            *("tests/doubles/sglang_cpu/**/*.py", "tests/builders/inference/posting.py"),
            "builders/inference/**/*.py",
        ),
    ),
)


def digest(double: Double) -> str:
    """Return the digest of everything that can change the results of a double's tests."""
    files = {file for pattern in (*COMMON, *double.files) for file in ROOT.glob(pattern)}
    parts = [f"{name} {version(name)}".encode() for name in CLIENTS]
    parts += [file.read_bytes() for file in sorted(files)]
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()[:16]


class Passed:
    """The cases of a double that have passed with its digest, in earlier runs and in this one."""

    def __init__(self, double: Double, file: Path) -> None:
        self.double = double
        self.file = file
        self.passed_before: set[str] = set(json.loads(file.read_text())) if file.exists() else set()
        self.passed_now: set[str] = set()
        self.has_failed = False

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Skip the cases that have passed."""
        for item in items:
            if item.nodeid in self.passed_before and not config.getoption("full"):
                item.add_marker(
                    pytest.mark.skip(reason="has passed on the same double and clients; --full runs it")
                )

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Record the result of a case; the main process receives the results of all workers."""
        if report.nodeid.startswith(self.double.tests):
            self.has_failed |= report.failed
            if report.when == "call" and report.passed:
                self.passed_now.add(report.nodeid)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the record, only in the main process."""
        if self.passed_now and not self.has_failed and not hasattr(session.config, "workerinput"):
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self.file.write_text(json.dumps(sorted(self.passed_before | self.passed_now)))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--full", action="store_true", help="run the doubles' own tests even if nothing has changed"
    )


def pytest_configure(config: pytest.Config) -> None:
    for double in DOUBLES:
        file = tests_cache() / f"{double.name}-{digest(double)}.json"
        config.pluginmanager.register(Passed(double, file), f"passed-{double.name}")
