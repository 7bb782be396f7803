from collections.abc import Iterator
from pathlib import Path

import pytest

from builders.inference import Client, RequestCache, connect
from tests.doubles.chat_server import ChatServer

PROXIES = ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy")


@pytest.fixture(autouse=True)
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "codeio-cache"
    monkeypatch.setenv("CODEIO_CACHE", str(folder))
    return folder


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer() as server:
        yield server


@pytest.fixture
def cache(tmp_path: Path) -> RequestCache:
    return RequestCache(tmp_path / "run" / "requests.sqlite")


@pytest.fixture
def client(server: ChatServer, cache: RequestCache) -> Client:
    return Client(connect(server.address), cache)


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten a client's pauses between tries, and between checks of a server that is gone."""
    monkeypatch.setattr("builders.inference.asking.dispatch.FIRST_PAUSE_S", 0.05)
    monkeypatch.setattr("builders.inference.asking.watch.FIRST_CHECK_S", 0.05)
    monkeypatch.setattr("builders.inference.asking.watch.MAX_CHECK_S", 0.2)


@pytest.fixture
def two() -> Iterator[tuple[ChatServer, ChatServer]]:
    with ChatServer() as first, ChatServer() as second:
        yield first, second


@pytest.fixture
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the proxies and the certificate file that the environment may name."""
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
