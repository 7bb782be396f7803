"""The doubles' own tests are skipped only if they have passed with the same code and clients."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ROOT
from tests.doubles import passed
from tests.doubles.passed import COMMON, DOUBLES, Double, Passed, digest

CASE = "tests/doubles/local_hub/test_garbage.py::test_a_crash_of_an_endpoint_is_reported"
PLUGINS = ("tests.doubles.local_hub.fixtures", "tests.doubles.passed")


def closing_line(cache: Path, *options: str) -> str:
    """Run the case with no other plugins than it needs, and return the last line of the report."""
    plugins = [word for plugin in ("pytest_timeout", *PLUGINS) for word in ("-p", plugin)]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--noconftest", *plugins, CASE]
    environment = {**os.environ, "CODEIO_CACHE": str(cache), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run([*command, *options], cwd=ROOT, env=environment, capture_output=True, text=True)
    return done.stdout.splitlines()[-1]


@pytest.mark.slow
def test_what_has_passed_is_skipped_and_runs_on_demand(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    assert all(map(pytestconfig.pluginmanager.has_plugin, PLUGINS))
    assert closing_line(tmp_path).startswith("1 passed")
    assert closing_line(tmp_path).startswith("1 skipped")
    assert closing_line(tmp_path, "--full").startswith("1 passed")


class Report:
    when = "call"

    def __init__(self, nodeid: str, passed: bool) -> None:
        self.nodeid, self.passed, self.failed = nodeid, passed, not passed


class Session:
    config = object()


@pytest.mark.parametrize("fails", [False, True])
def test_a_run_with_a_failure_leaves_no_record(tmp_path: Path, fails: bool) -> None:
    record = Passed(DOUBLES[0], tmp_path / "tests" / "record.json")
    for name, has_passed in (("a", True), ("b", not fails)):
        record.pytest_runtest_logreport(Report(f"tests/doubles/local_hub/x.py::{name}", has_passed))
    record.pytest_runtest_logreport(Report("tests/other.py::c", False))
    record.pytest_sessionfinish(Session())
    assert record.file.exists() != fails


@pytest.mark.parametrize("double", DOUBLES, ids=lambda double: double.name)
def test_the_digest_changes_with_each_of_its_files(
    double: Double, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The files include the double's tests, and all of the doubles' modules that these import."""
    names = [file.relative_to(ROOT) for pattern in (*COMMON, *double.files) for file in ROOT.glob(pattern)]
    assert any(str(name).startswith(double.tests) for name in names)
    imported = {
        match[1].replace(".", "/") + ".py"
        for name in names
        for match in re.finditer(r"^from (tests\.doubles[\w.]*) import", (ROOT / name).read_text(), re.M)
    }
    assert {name for name in imported if (ROOT / name).exists()} <= {str(name) for name in names}
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    before = digest(double)
    monkeypatch.setattr(passed, "ROOT", tmp_path)
    assert digest(double) == before
    for name in names:
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content + b"#")
        assert digest(double) != before
        (tmp_path / name).write_bytes(content)
