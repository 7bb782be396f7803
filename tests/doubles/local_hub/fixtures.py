"""Fixtures with a local Hub and its real clients; tests/conftest.py registers them for all tests.

The hub has the same port, and its clients the same home, in all tests of a process: huggingface_hub reads
both when it is imported, so the clients of many tests can be forked from one nursery.
"""

import shutil
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from .client import Client, Nursery
from .generations import hub1_python, installed_python, plain_python
from .hub import LocalHub

BUILD_TIMEOUT_S = 1800  # the first time, the environment is downloaded inside a test's time
GENERATIONS = {"installed": installed_python, "hub1": hub1_python}
LIBRARIES = ("datasets", "builders.cli.main", "hub.audit", "hub.changes.changelog", "hub.publish.release")
LIBRARIES += ("hub.publish.upload", "hub.figures", "matplotlib.figure")

StartClient = Callable[..., Client]


@pytest.fixture(scope="session")
def hub_port() -> Iterator[int]:
    """A port that no other process gets: it is bound here, and the hub may bind it too."""
    with socket.socket() as reservation:
        reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reservation.bind(("127.0.0.1", 0))
        yield reservation.getsockname()[1]


@pytest.fixture
def local_hub(hub_port: int, tmp_path: Path) -> Iterator[LocalHub]:
    """A hub without repositories; the test fails if an endpoint crashes or a fault hits no request."""
    with LocalHub(tmp_path / "hub", port=hub_port) as hub:
        yield hub
    assert not hub.crashes, "\n".join(hub.crashes)
    assert hub.faults.n_left == 0, "a scripted fault has hit no request"


@pytest.fixture(scope="session")
def clients_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the clients' caches, which each client finds empty."""
    return tmp_path_factory.mktemp("clients-home")


@pytest.fixture(scope="session")
def start_client() -> Iterator[StartClient]:
    """A function that returns a client with an interpreter, variables, a folder and imported modules."""
    with ExitStack() as stack:
        nurseries: dict[tuple[Path, str, str], Nursery] = {}

        def start(
            python: Path, variables: dict[str, str], folder: Path, modules: Sequence[str] = LIBRARIES
        ) -> Client:
            shutil.rmtree(variables["HF_HOME"], ignore_errors=True)
            shared = python, variables["HF_ENDPOINT"], variables["HF_HOME"]
            if shared not in nurseries:
                nurseries[shared] = stack.enter_context(Nursery(python, variables, modules))
            return Client(nurseries[shared], variables, folder)

        yield start


@pytest.fixture(
    params=[
        "installed",
        pytest.param("hub1", marks=[pytest.mark.hub1, pytest.mark.timeout(BUILD_TIMEOUT_S)]),
    ]
)
def hub_client(
    request: pytest.FixtureRequest,
    local_hub: LocalHub,
    clients_home: Path,
    start_client: StartClient,
    tmp_path: Path,
) -> Iterator[Client]:
    """A client of the hub with ada's token: once with the installed libraries, once with the older ones."""
    variables = local_hub.environment(clients_home)
    with start_client(GENERATIONS[request.param](), variables, tmp_path / "client") as client:
        yield client


@pytest.fixture(
    params=[pytest.param("plain", marks=[pytest.mark.plain, pytest.mark.timeout(BUILD_TIMEOUT_S)])]
)
def plain_client(
    local_hub: LocalHub, clients_home: Path, start_client: StartClient, tmp_path: Path
) -> Iterator[Client]:
    """A client of the hub without a token, which has `datasets` but nothing of codeio's."""
    variables = local_hub.environment(clients_home, token=None)
    del variables["PYTHONPATH"]
    with start_client(plain_python(), variables, tmp_path / "plain-client", ["datasets"]) as client:
        yield client
