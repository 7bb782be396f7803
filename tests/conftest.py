"""Fixtures and settings for all tests."""

import signal
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings

from tests.building import Finished, FinishedBuild, finish_build, scripted_server, write_functions_file
from tests.doubles.chat_server import ChatServer

pytest_plugins = [
    "tests.doubles.local_hub.fixtures",
    "tests.passed",
    "tests.doubles.servers",
    "tests.auditing",
    "tests.order",
]

# No result may depend on how fast the machine is.
settings.register_profile("codeio", deadline=None)
settings.load_profile("codeio")

# Tests send Ctrl+C. A shell lets its background jobs ignore that signal, and so would this process then.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CODEIO_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


@pytest.fixture
def server() -> Iterator[ChatServer]:
    """Yield the scripted server, which can answer all questions about the functions of `source`."""
    with scripted_server() as server:
        yield server


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a file of two functions."""
    return write_functions_file(tmp_path)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """Return a function that gives the finished build with these options of `build`, made once a process."""
    source = write_functions_file(tmp_path_factory.mktemp("finished"))

    @cache
    def finished(*options: str | int) -> FinishedBuild:
        return finish_build(source, tmp_path_factory.mktemp("finished") / "out", *options)

    return finished
