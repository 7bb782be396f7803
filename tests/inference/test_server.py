import os
from pathlib import Path

import pytest

from builders.inference import KeyRefused, NotCompatible, ServerDown, WrongModel, connect
from builders.inference.identity import weights_identity
from tests.inference.chat_server import ChatServer

HELLO_SHA256 = "2cf24dba5fb0a30e"  # of b"hello"


@pytest.mark.parametrize("ending", ["", "/", "/v1", "/v1/", "/v1/chat/completions"])
def test_an_address_is_taken_with_and_without_its_ending(server: ChatServer, ending: str) -> None:
    for address in (server.address, server.address.removeprefix("http://")):
        found = connect(address + ending)
        assert found.base_url == f"{server.address}/v1"
        assert (found.model, found.identity) == ("tiny", "tiny")


def test_another_model_than_served_is_named(server: ChatServer) -> None:
    with pytest.raises(WrongModel, match="serves tiny, not huge"):
        connect(server.address, "huge")
    assert connect(server.address, "tiny").model == "tiny"


def test_of_several_models_one_must_be_named(server: ChatServer) -> None:
    server.models.append({"id": "second"})
    with pytest.raises(WrongModel, match="tiny, second: name the one"):
        connect(server.address)
    assert connect(server.address, "second").model == "second"


def test_a_dead_server_is_told_with_its_address(server: ChatServer) -> None:
    address = server.address
    server.__exit__(None, None, None)
    with pytest.raises(ServerDown, match=rf"No server answers at {address}.*start it") as caught:
        connect(address)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("address", ["", "http://", "ftp://host/v1", "http://[::1"])
def test_what_is_no_address_is_told(address: str) -> None:
    with pytest.raises(ServerDown, match="is not an address"):
        connect(address)


def test_a_server_of_something_else_is_told(server: ChatServer) -> None:
    with pytest.raises(NotCompatible, match="not an OpenAI-compatible server"):
        connect(f"{server.address}/docs")


def test_a_refused_key_is_told_and_one_of_the_environment_taken(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.key = "sk-secret"
    with pytest.raises(KeyRefused, match="CODEIO_API_KEY"):
        connect(server.address)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    assert connect(server.address).api_key is None
    with pytest.raises(KeyRefused, match="CODEIO_API_KEY") as caught:
        connect(server.address.replace("http://", "http://user:sk-other@"))
    assert "sk-other" not in str(caught.value)


def test_sglang_tells_its_weights() -> None:
    with ChatServer("alias") as sglang:
        sglang.pages["/get_model_info"] = {"model_path": "Qwen/Qwen2.5-0.5B"}
        assert connect(sglang.address).identity == "Qwen/Qwen2.5-0.5B"
        sglang.pages["/server_info"] = {"revision": "abc123", "api_key": "x"}
        assert connect(sglang.address).identity == "Qwen/Qwen2.5-0.5B@abc123"


def test_a_local_folder_is_named_by_its_bytes(tmp_path: Path) -> None:
    folder = tmp_path / "my-model"
    folder.mkdir()
    (folder / "a.safetensors").write_bytes(b"hel")
    (folder / "b.safetensors").write_bytes(b"lo")
    (folder / "config.json").write_text("{}")
    with ChatServer("alias") as sglang:
        sglang.pages["/model_info"] = {"model_path": str(folder)}
        sglang.pages["/server_info"] = {"revision": None}
        assert connect(sglang.address).identity == f"my-model@sha256:{HELLO_SHA256}"


def test_no_local_path_gets_into_an_identity(tmp_path: Path) -> None:
    with ChatServer(str(tmp_path / "elsewhere.gguf")) as llama:
        assert connect(llama.address).identity == "elsewhere.gguf"
    with ChatServer("alias", entry={"root": "Qwen/Qwen2.5-0.5B"}) as vllm:
        assert connect(vllm.address).identity == "Qwen/Qwen2.5-0.5B"


def test_a_digest_is_remembered_until_the_file_changes(tmp_path: Path) -> None:
    file = tmp_path / "w.gguf"
    file.write_bytes(b"hello")
    known = file.stat()
    assert weights_identity(file) == f"w.gguf@sha256:{HELLO_SHA256}"
    file.write_bytes(b"jello")
    os.utime(file, ns=(known.st_atime_ns, known.st_mtime_ns))
    assert weights_identity(file) == f"w.gguf@sha256:{HELLO_SHA256}"  # same size and time: not read again
    os.utime(file, ns=(known.st_atime_ns, known.st_mtime_ns + 1))
    assert weights_identity(file) != f"w.gguf@sha256:{HELLO_SHA256}"
    assert weights_identity(tmp_path / "missing.gguf") is None
