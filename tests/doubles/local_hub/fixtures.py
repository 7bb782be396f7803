"""Fixtures with a local Hub and its real clients; tests/conftest.py registers them for all tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .client import Client
from .generations import hub1_python, installed_python, plain_python
from .hub import LocalHub

BUILD_TIMEOUT_S = 1800  # the first time, the environment is downloaded inside a test's time
GENERATIONS = {"installed": installed_python, "hub1": hub1_python}


@pytest.fixture
def local_hub(tmp_path: Path) -> Iterator[LocalHub]:
    """A hub without repositories; the test fails if an endpoint crashes or a fault hits no request."""
    with LocalHub(tmp_path / "hub") as hub:
        yield hub
    assert not hub.crashes, "\n".join(hub.crashes)
    assert hub.faults.n_left == 0, "a scripted fault has hit no request"


@pytest.fixture(
    params=[
        "installed",
        pytest.param("hub1", marks=[pytest.mark.hub1, pytest.mark.timeout(BUILD_TIMEOUT_S)]),
    ]
)
def hub_client(request: pytest.FixtureRequest, local_hub: LocalHub, tmp_path: Path) -> Iterator[Client]:
    """A client of the hub with ada's token: once with the installed libraries, once with the older ones."""
    python = GENERATIONS[request.param]()
    with Client(python, local_hub.environment(tmp_path / "home"), tmp_path / "client") as client:
        yield client


@pytest.fixture(
    params=[pytest.param("plain", marks=[pytest.mark.plain, pytest.mark.timeout(BUILD_TIMEOUT_S)])]
)
def plain_client(local_hub: LocalHub, tmp_path: Path) -> Iterator[Client]:
    """A client of the hub without a token, which has `datasets` but nothing of codeio's."""
    environment = local_hub.environment(tmp_path / "plain-home", token=None)
    del environment["PYTHONPATH"]
    with Client(plain_python(), environment, tmp_path / "plain-client") as client:
        yield client
