"""The record of the local Hub's own tests that have passed.

In: a digest of the local Hub, its tests and the versions of its clients. Out: a case that has passed with the
same digest is skipped, unless `--full` is given. The record is in the tests' cache, so a new machine runs all
cases. A run adds the cases that pass; if one of these tests fails, it adds nothing.
"""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path

import pytest

from tests import ROOT
from tests.doubles.build import tests_cache

HERE = Path(__file__).parent
FOLDER = str(HERE.relative_to(ROOT))
CLIENTS = ("huggingface_hub", "datasets", "fsspec", "pyarrow", "pytest")


def digest() -> str:
    """Return the digest of everything that can change the results of these tests."""
    files = sorted(
        [*HERE.parent.glob("*.py"), *HERE.rglob("*.py"), *HERE.rglob("*.txt"), ROOT / "pyproject.toml"]
    )
    hashes = hashlib.sha256()
    for part in [
        *(f"{name} {version(name)}".encode() for name in CLIENTS),
        *(file.read_bytes() for file in files),
    ]:
        hashes.update(hashlib.sha256(part).digest())
    return hashes.hexdigest()[:16]


class Passed:
    """The cases that have passed with this digest, in earlier runs and in this one."""

    def __init__(self, file: Path) -> None:
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
        if report.nodeid.startswith(FOLDER):
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
        "--full", action="store_true", help="run the local Hub's own tests even if nothing has changed"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Passed(tests_cache() / f"local-hub-{digest()}.json"))
