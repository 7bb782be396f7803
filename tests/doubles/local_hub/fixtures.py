"""Fixtures with a local Hub and its real clients; tests/conftest.py registers them for all tests.

The hub has the same port, and its clients the same home, in all tests of a process: huggingface_hub reads
both when it is imported, and so the clients of many tests can be forked from one fork server.
"""

import shutil
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from .client import Client, ForkServer
from .generations import hub1_python, installed_python, plain_python
from .hub import LocalHub

BUILD_TIMEOUT_S = 1800  # the first test that needs an environment also downloads it
GENERATIONS = {"installed": installed_python, "hub1": hub1_python}
LIBRARIES = ("datasets", "builders.cli.main", "hub.audit", "hub.changes.changelog", "hub.publish.release")
LIBRARIES += ("hub.publish.upload", "hub.figures", "matplotlib.figure")

StartClient = Callable[..., Client]


@pytest.fixture(scope="session")
def hub_port() -> Iterator[int]:
    """Yield a port that no other process gets: it is bound here, and the hub may bind it too."""
    with socket.socket() as reservation:
        reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reservation.bind(("127.0.0.1", 0))
        yield reservation.getsockname()[1]


@pytest.fixture
def local_hub(hub_port: int, tmp_path: Path) -> Iterator[LocalHub]:
    """Yield a hub without repositories; fail the test if an endpoint crashes or a fault hits no request."""
    with LocalHub(tmp_path / "hub", port=hub_port) as hub:
        yield hub
    assert not hub.crashes, "\n".join(hub.crashes)
    assert hub.faults.n_left == 0, "a fault of the test has hit no request"


@pytest.fixture(scope="session")
def clients_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the clients' caches, which is emptied before a client starts."""
    return tmp_path_factory.mktemp("clients-home")


@pytest.fixture(scope="session")
def start_client() -> Iterator[StartClient]:
    """Yield a function that returns a client; it takes an interpreter, variables, a folder and modules."""
    with ExitStack() as stack:
        fork_servers: dict[tuple[Path, str, str], ForkServer] = {}

        def start(
            python: Path, variables: dict[str, str], folder: Path, modules: Sequence[str] = LIBRARIES
        ) -> Client:
            shutil.rmtree(variables["HF_HOME"], ignore_errors=True)
            key = python, variables["HF_ENDPOINT"], variables["HF_HOME"]
            if key not in fork_servers:
                fork_servers[key] = stack.enter_context(ForkServer(python, variables, modules))
            return Client(fork_servers[key], variables, folder)

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
    """Yield a client with ada's token; tests run once with the installed libraries, once with older ones."""
    variables = local_hub.environment(clients_home)
    with start_client(GENERATIONS[request.param](), variables, tmp_path / "client") as client:
        yield client


@pytest.fixture(
    params=[pytest.param("plain", marks=[pytest.mark.plain, pytest.mark.timeout(BUILD_TIMEOUT_S)])]
)
def plain_client(
    local_hub: LocalHub, clients_home: Path, start_client: StartClient, tmp_path: Path
) -> Iterator[Client]:
    """Yield a client without a token, which has `datasets` but nothing of codeio."""
    variables = local_hub.environment(clients_home, token=None)
    del variables["PYTHONPATH"]
    with start_client(plain_python(), variables, tmp_path / "plain-client", ["datasets"]) as client:
        yield client
