"""The clients: their libraries, the addresses that they use, and how their errors are reported."""

import importlib.metadata
from pathlib import Path

import pytest

from tests import ROOT
from tests.doubles.local_hub import Client, ClientFailed, LocalHub


def fail(number: int) -> None:
    raise ValueError(f"no {number}")


def test_a_client_has_the_library_versions_that_its_fixture_promises(
    hub_client: Client, request: pytest.FixtureRequest
) -> None:
    def versions() -> list[str]:
        import importlib.metadata

        return [importlib.metadata.version(name) for name in ("huggingface_hub", "datasets")]

    huggingface_hub, datasets = hub_client.run(versions)
    if request.node.callspec.params["hub_client"] == "hub1":
        assert huggingface_hub.startswith("1.33.")
    else:
        assert huggingface_hub == importlib.metadata.version("huggingface_hub")
    assert datasets.startswith("5.")


def test_clients_use_the_local_hub_and_caches_of_their_own(
    hub_client: Client, local_hub: LocalHub, clients_home: Path
) -> None:
    def addresses() -> list[str]:
        import datasets.config
        import huggingface_hub.constants

        endpoints = [huggingface_hub.constants.ENDPOINT, datasets.config.HF_ENDPOINT]
        return [*endpoints, huggingface_hub.constants.HF_HUB_CACHE, str(datasets.config.HF_DATASETS_CACHE)]

    *endpoints, hub_cache, datasets_cache = hub_client.run(addresses)
    assert endpoints == [local_hub.url, local_hub.url]
    assert Path(hub_cache).is_relative_to(clients_home)
    assert Path(datasets_cache).is_relative_to(clients_home)


def test_clients_import_codeio_from_this_source_tree(hub_client: Client) -> None:
    def file() -> str:
        import builders.errors

        return str(builders.errors.__file__)

    assert Path(hub_client.run(file)).is_relative_to(ROOT)


def test_an_error_in_a_client_is_raised_with_its_details(hub_client: Client) -> None:
    with pytest.raises(ClientFailed) as failed:
        hub_client.run(fail, 5)
    assert (failed.value.kind, failed.value.status, failed.value.message) == ("ValueError", None, "no 5")
    assert failed.value.kinds[1:] == ["Exception", "BaseException", "object"]
    line = fail.__code__.co_firstlineno + 1
    assert f'File "{__file__}", line {line}, in fail' in str(failed.value)


def test_a_function_sees_no_names_from_outside_its_body(hub_client: Client) -> None:
    def root() -> str:
        return str(ROOT)

    with pytest.raises(ClientFailed, match="ROOT") as failed:
        hub_client.run(root)
    assert failed.value.kind == "NameError"


def test_a_client_that_ends_raises_an_error_with_its_last_output(hub_client: Client) -> None:
    def end() -> None:
        import os

        os.write(2, b"these were my last words")
        os._exit(1)

    with pytest.raises(RuntimeError, match="these were my last words"):
        hub_client.run(end)
    with pytest.raises(ClientFailed, match="no 6"):  # a new process
        hub_client.run(fail, 6)


def test_the_state_of_a_process_is_lost_when_it_restarts(hub_client: Client) -> None:
    def count() -> int:
        import builtins

        number: int = getattr(builtins, "count_of_calls", 0) + 1
        builtins.count_of_calls = number  # type: ignore[attr-defined]
        return number

    assert [hub_client.run(count), hub_client.run(count)] == [1, 2]
    hub_client.restart()
    assert hub_client.run(count) == 1
