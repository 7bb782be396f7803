import hashlib
import os
from pathlib import Path

import pytest

from builders.inference import KeyRefused, NotCompatible, Server, ServerDown, WrongModel, connect
from builders.inference.servers.identity import weights_identity
from builders.inference.servers.server import on_this_machine
from tests.doubles.chat_server import ChatServer

HELLO_SHA256 = "2cf24dba5fb0a30e"  # of b"hello"


@pytest.mark.parametrize("ending", ["", "/", "/v1", "/v1/", "/v1/chat/completions"])
def test_an_address_is_taken_with_and_without_its_ending(server: ChatServer, ending: str) -> None:
    for address in (server.address, server.address.removeprefix("http://")):
        connected = connect(address + ending)
        assert connected.base_url == f"{server.address}/v1"
        assert (connected.model, connected.identity) == ("tiny", "tiny")


def test_another_model_than_served_is_named(server: ChatServer) -> None:
    with pytest.raises(WrongModel, match="serves tiny, not huge"):
        connect(server.address, "huge")
    assert connect(server.address, "tiny").model == "tiny"


def test_of_several_models_one_must_be_named(server: ChatServer) -> None:
    server.models.append({"id": "second"})
    with pytest.raises(WrongModel, match="tiny, second: name the one"):
        connect(server.address)
    assert connect(server.address, "second").model == "second"


def test_a_dead_server_is_reported_with_its_address(server: ChatServer) -> None:
    address = server.address
    server.__exit__(None, None, None)
    with pytest.raises(ServerDown, match=rf"No server answers at {address}.*start it") as caught:
        connect(address)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("address", ["", "http://", "ftp://host/v1", "http://[::1"])
def test_an_invalid_address_is_reported(address: str) -> None:
    with pytest.raises(ServerDown, match="is not an address"):
        connect(address)


def test_a_server_of_something_else_is_reported(server: ChatServer) -> None:
    with pytest.raises(NotCompatible, match="not an OpenAI-compatible server"):
        connect(f"{server.address}/docs")


def test_a_list_nested_too_deep_is_no_list(server: ChatServer) -> None:
    server.always_get = "deep"
    with pytest.raises(NotCompatible, match="not an OpenAI-compatible server"):
        connect(server.address)


def test_a_refused_key_is_reported_and_the_key_in_the_environment_is_used(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.key = "sk-secret"
    with pytest.raises(KeyRefused, match="CODEIO_API_KEY"):
        connect(server.address)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    assert connect(server.address).api_key is None


@pytest.mark.parametrize(
    "address", ["http://user:sk-other@{}", "http://sk-other@{}", "sk-other@{}", "http://:sk-other@[{}"]
)
def test_an_address_with_a_key_is_refused_and_not_repeated(server: ChatServer, address: str) -> None:
    with pytest.raises(KeyRefused, match="CODEIO_API_KEY") as caught:
        connect(address.format(server.address.removeprefix("http://")))
    assert "sk-other" not in str(caught.value)


def test_a_key_is_taken_without_the_newline_of_its_file(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.key = "sk-secret"
    monkeypatch.setenv("CODEIO_API_KEY", " sk-secret\n")
    assert connect(server.address).key() == "sk-secret"
    monkeypatch.setenv("CODEIO_API_KEY", "\n")
    assert Server("u", "m", "i").key() is None


@pytest.mark.parametrize("key", ["sk-sec\nret", "sk-secret\u20ac", "sk-secret\udcff", "sk-secret\x7f"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_repeated(server: ChatServer, key: str) -> None:
    with pytest.raises(KeyRefused, match="CODEIO_API_KEY") as caught:
        connect(server.address, api_key=key)
    assert "sk-sec" not in str(caught.value)


def test_a_key_that_comes_back_is_not_repeated(server: ChatServer) -> None:
    server.always_get = "babble"
    with pytest.raises(ServerDown, match="the connection broke") as caught:
        connect(server.address, api_key="sk-secret")
    assert "sk-secret" not in str(caught.value)


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


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/srv/alice/final", "final"),
        ("/srv/bob/final", "final"),
        ("../alice/final", "final"),
        ("~/final", "final"),
        ("C:\\alice\\final.gguf", "final.gguf"),
        ("/srv/" + "x" * 300, "x" * 300),  # longer than a file name may be
        ("/srv/\0", "\0"),
    ],
)
def test_a_path_that_cannot_be_followed_is_its_end_and_a_hash(path: str, name: str) -> None:
    digest = hashlib.sha256(path.encode()).hexdigest()[:16]
    with ChatServer(path) as llama:
        assert connect(llama.address).identity == f"{name}@path:{digest}"


def test_a_name_is_no_path_wherever_codeio_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Qwen" / "Qwen2.5-0.5B").mkdir(parents=True)
    (tmp_path / "Qwen" / "Qwen2.5-0.5B" / "a.safetensors").write_bytes(b"hello")
    monkeypatch.chdir(tmp_path)
    with ChatServer("alias", entry={"root": "Qwen/Qwen2.5-0.5B"}) as vllm:
        assert connect(vllm.address).identity == "Qwen/Qwen2.5-0.5B"
    with ChatServer("accounts/some/models/llama-3:8b") as hosted:
        assert connect(hosted.address).identity == "accounts/some/models/llama-3:8b"


def test_a_path_of_another_machine_is_not_followed_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = tmp_path / "w.gguf"
    weights.write_bytes(b"hello")
    with ChatServer(str(weights)) as llama:
        assert connect(llama.address).identity == f"w.gguf@sha256:{HELLO_SHA256}"
        monkeypatch.setattr("builders.inference.servers.server.on_this_machine", lambda url: False)
        monkeypatch.setenv("NO_PROXY", "*")
        assert connect(llama.address).identity.startswith("w.gguf@path:")


def test_which_addresses_are_of_this_machine() -> None:
    assert all(
        on_this_machine(f"http://{host}:1/v1") for host in ("localhost", "127.0.0.1", "[::1]", "0.0.0.0")
    )
    assert not any(on_this_machine(f"http://{host}:1/v1") for host in ("10.0.0.1", "[::2]", "example.org"))


def test_a_digest_is_remembered_until_the_file_changes(tmp_path: Path) -> None:
    file = tmp_path / "w.gguf"
    file.write_bytes(b"hello")
    before = file.stat()
    assert weights_identity(file) == f"w.gguf@sha256:{HELLO_SHA256}"
    file.write_bytes(b"jello")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert weights_identity(file) == f"w.gguf@sha256:{HELLO_SHA256}"  # same size and time, so not read again
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert weights_identity(file) != f"w.gguf@sha256:{HELLO_SHA256}"
    assert weights_identity(tmp_path / "missing.gguf") is None
