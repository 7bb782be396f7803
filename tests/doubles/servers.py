"""Fixtures that start real servers; tests/conftest.py makes them available to all tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doubles.sglang_cpu import MODEL, SglangServer, environment_python, model_folder
from tests.doubles.sglang_cpu.wrapper import write_python_script

BUILD_TIMEOUT_S = 3600  # the first test that runs also downloads the environment and the weights


@pytest.hookimpl(tryfirst=True)  # the markers must be there before `-m` selects by them
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that use the sglang server, and give them time for its first build."""
    for item in items:
        if {"sglang_server", "sglang_parts"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.sglang)
            item.add_marker(pytest.mark.timeout(BUILD_TIMEOUT_S))


@pytest.fixture(scope="session")
def sglang_parts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return what a user of sglang has: a Python interpreter and a folder with weights."""
    return write_python_script(tmp_path_factory.mktemp("sglang-python")), model_folder()


@pytest.fixture(scope="session")
def sglang_server(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[SglangServer]:
    """Yield a running sglang server; a test that kills it has to restart it."""
    with pytestconfig.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print("\nsglang on CPU: starting (the first time it is installed, which takes minutes)", flush=True)
    python, weights = environment_python(), model_folder()
    log = tmp_path_factory.mktemp("sglang") / "server.log"
    with SglangServer(python, weights, MODEL, log) as server:
        yield server
