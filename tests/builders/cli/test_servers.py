"""A command asks the servers that its options choose."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from builders.cli.servers import served
from builders.inference import KeyRefused, Server, ServerDown, WrongModel
from builders.options import ServerOptions
from tests.doubles.chat_server import ChatServer


@pytest.fixture
def three() -> Iterator[list[ChatServer]]:
    with ExitStack() as stack:
        yield [stack.enter_context(ChatServer()) for _ in range(3)]


@pytest.fixture
def gone() -> list[str]:
    """Two addresses where no server listens any more."""
    with ChatServer() as first, ChatServer() as second:
        return [first.address, second.address]


def connected(addresses: Sequence[str], tmp_path: Path, model: str | None = None) -> list[Server]:
    with served(
        ServerOptions(base_url=tuple(addresses), model=model), tmp_path / "log", Console(file=StringIO())
    ) as servers:
        return servers


def urls(servers: Sequence[ChatServer]) -> list[str]:
    return [f"{server.address}/v1" for server in servers]


def test_servers_of_one_model_are_taken_in_order_and_once(three: list[ChatServer], tmp_path: Path) -> None:
    addresses = [server.address for server in three]
    servers = connected([*addresses, addresses[0]], tmp_path)
    assert [server.base_url for server in servers] == urls(three)
    assert {(server.model, server.identity) for server in servers} == {("tiny", "tiny")}


@pytest.mark.parametrize("place", [0, 1, 3])
def test_a_server_that_is_gone_is_left_out_with_a_warning(
    three: list[ChatServer], gone: list[str], tmp_path: Path, place: int, caplog: pytest.LogCaptureFixture
) -> None:
    addresses = [server.address for server in three]
    addresses.insert(place, gone[0])
    assert [server.base_url for server in connected(addresses, tmp_path)] == urls(three)
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "Server left out: No server answers at" in warning.getMessage()
    assert gone[0] in warning.getMessage()


def test_if_all_servers_are_gone_the_first_is_reported(gone: list[str], tmp_path: Path) -> None:
    with pytest.raises(ServerDown, match=f"No server answers at {gone[0]}"):
        connected(gone, tmp_path)


def test_a_server_that_is_still_starting_is_left_out(three: list[ChatServer], tmp_path: Path) -> None:
    three[1].always_get = "503"
    servers = connected([server.address for server in three], tmp_path)
    assert [server.base_url for server in servers] == [urls(three)[0], urls(three)[2]]


def test_different_models_are_refused_in_one_sentence(three: list[ChatServer], tmp_path: Path) -> None:
    three[1].models = [{"id": "huge"}]
    with pytest.raises(WrongModel) as caught:
        connected([server.address for server in three], tmp_path)
    message = str(caught.value)
    assert message.startswith(f"{urls(three)[0]} serves tiny, {urls(three)[1]} huge: ")
    assert "\n" not in message
    assert len(message) < 300


def test_different_weights_under_one_name_are_refused(three: list[ChatServer], tmp_path: Path) -> None:
    three[2].models = [{"id": "tiny", "root": "Qwen/Qwen3-8B"}]
    with pytest.raises(WrongModel, match=r"serves tiny, .* Qwen/Qwen3-8B: answers of different models"):
        connected([server.address for server in three], tmp_path)


def test_one_name_chooses_among_the_models_of_each(three: list[ChatServer], tmp_path: Path) -> None:
    for server in three:
        server.models.append({"id": "second"})
    addresses = [server.address for server in three]
    assert {server.model for server in connected(addresses, tmp_path, "second")} == {"second"}
    with pytest.raises(WrongModel, match="--model"):
        connected(addresses, tmp_path)
    del three[2].models[1]
    with pytest.raises(WrongModel, match=f"{three[2].address}/v1 serves tiny, not second"):
        connected(addresses, tmp_path, "second")


def test_a_server_that_wants_another_key_is_not_passed_over(three: list[ChatServer], tmp_path: Path) -> None:
    three[1].key = "sk-secret"
    with pytest.raises(KeyRefused, match=urls(three)[1]):
        connected([server.address for server in three], tmp_path)


def test_no_choice_is_no_server(tmp_path: Path) -> None:
    assert connected([], tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_the_kinds_of_a_choice_are_counted() -> None:
    assert ServerOptions().n_kinds == 0
    assert ServerOptions(model="tiny").n_kinds == 0
    assert ServerOptions(base_url=("a", "b")).n_kinds == 1
    assert ServerOptions(base_url=("a",), embedded="b", sglang="c").n_kinds == 3
