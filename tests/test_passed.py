"""Tests are skipped only if they have passed on the same code, and a room's files are all it depends on."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

from tests import ROOT, passed
from tests.passed import ROOMS, Passed, Room, digest, files

CASES = (
    "tests/doubles/local_hub/test_garbage.py::test_a_crash_of_an_endpoint_is_reported",
    "tests/builders/execution/test_replies.py::test_a_good_record_is_written_canonically",
)
PLUGINS = ("tests.doubles.local_hub.fixtures", "tests.passed")


def closing_line(cache: Path, *options: str) -> str:
    """Run a case of a double and one of another room, and return the last line of the report."""
    plugins = [word for plugin in ("pytest_timeout", *PLUGINS) for word in ("-p", plugin)]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--noconftest", *plugins]
    environment = {**os.environ, "CODEIO_CACHE": str(cache), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    arguments = [*command, *CASES, *options]
    done = subprocess.run(arguments, cwd=ROOT, env=environment, capture_output=True, text=True)
    return done.stdout.splitlines()[-1]


def test_what_has_passed_is_skipped_and_runs_on_demand(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    assert all(map(pytestconfig.pluginmanager.has_plugin, PLUGINS))
    assert closing_line(tmp_path).startswith("2 passed")
    assert closing_line(tmp_path).startswith("1 passed, 1 skipped")
    assert closing_line(tmp_path, "--unchanged").startswith("2 skipped")
    assert closing_line(tmp_path, "--unchanged", "--full").startswith("2 passed")


class Report:
    when = "call"

    def __init__(self, nodeid: str, passed: bool) -> None:
        self.nodeid, self.passed, self.failed = nodeid, passed, not passed


class Session:
    config = object()


@pytest.mark.parametrize("fails", [False, True])
def test_a_run_with_a_failure_leaves_no_record(tmp_path: Path, fails: bool) -> None:
    record = Passed(ROOMS[0], tmp_path / "tests" / "record.json")
    for name, has_passed in (("a", True), ("b", not fails)):
        record.pytest_runtest_logreport(Report(f"tests/doubles/local_hub/x.py::{name}", has_passed))
    record.pytest_runtest_logreport(Report("tests/other.py::c", False))
    record.pytest_sessionfinish(Session())
    assert record.file.exists() != fails


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("builders", "hub", "prompts", "tests", cache_dir=None)


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_a_rooms_files_are_all_that_its_tests_import(room: Room, graph: grimp.ImportGraph) -> None:
    names = {str(file.relative_to(ROOT)) for file in files(room) if file.is_relative_to(ROOT)}
    modules = {name: name.removesuffix(".py").replace("/", ".").removesuffix(".__init__") for name in names}
    of_tests = {module for name, module in modules.items() if name.startswith(room.tests)} & graph.modules
    assert of_tests
    assert set().union(*map(graph.find_upstream_modules, of_tests)) <= set(modules.values())


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_the_digest_changes_with_each_of_its_files(
    room: Room, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    names = [file.relative_to(ROOT) for file in files(room) if file.is_relative_to(ROOT)]
    monkeypatch.setattr(passed, "ROOT", tmp_path)
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    before = digest(room)
    for name in names:
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content + b"#")
        assert digest(room) != before
        (tmp_path / name).write_bytes(content)
    assert digest(room) == before


def test_the_digest_changes_with_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest(ROOMS[0])
    monkeypatch.setattr(passed, "surroundings", lambda: "another Python")
    assert digest(ROOMS[0]) != before
