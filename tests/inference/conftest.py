from collections.abc import Iterator
from pathlib import Path

import pytest

from builders.inference import Client, RequestCache, connect
from tests.inference.chat_server import ChatServer


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CODEIO_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


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
