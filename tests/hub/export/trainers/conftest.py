"""An exported build, and processes with the trainers that read it."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from hub.export.writer import export
from hub.versions import open_version
from tests import ROOT
from tests.building import build, scripted_server, write_functions_file
from tests.doubles.local_hub import Client, ForkServer
from tests.hub.export.trainers.environment import python

HERE = Path(__file__).parent
BUILD_TIMEOUT_S = 3600  # the first time, an environment is downloaded inside a test's time


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder: each needs an environment of its own."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.trainers)
            item.add_marker(pytest.mark.timeout(BUILD_TIMEOUT_S))


@pytest.fixture(scope="package")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a build with right and wrong answers, conversations of several turns, and preferences."""
    folder = tmp_path_factory.mktemp("built")
    with pytest.MonkeyPatch.context() as patch, scripted_server() as server:
        assert (
            build(patch, write_functions_file(folder), folder / "out", server, "--samples", 4, "--turns", 2)
            == 0
        )
    return folder / "out"


@pytest.fixture
def exported(built: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Return a function that exports the build in the named format and returns the folder."""

    def export_as(name: str) -> Path:
        export(open_version(str(built)), name, tmp_path / name)
        return tmp_path / name

    return export_as


@pytest.fixture
def trainer(tmp_path: Path) -> Iterator[Callable[[str], Client]]:
    """Yield a function that starts a process with the named trainer."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "HF_HOME": str(tmp_path / "home"),
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    with ExitStack() as stack:

        def start(name: str) -> Client:
            fork_server = stack.enter_context(ForkServer(python(name), environment))
            return stack.enter_context(Client(fork_server, environment, tmp_path / "trainer"))

        yield start
