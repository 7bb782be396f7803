"""The licence of a model, as the Hub states it."""

import pytest

from builders.schema import TABLES
from builders.tables.arrow import table
from builders.tables.folder import Folder
from hub.rights.model_licences import models
from tests.doubles.local_hub import Client, LocalHub

MODELS = {
    "Qwen/Small": {"license": "apache-2.0"},
    "Qwen/Own": {"license": "other", "license_name": "qwen-research"},
    "Qwen/Silent": {},
    "Qwen/Odd": {"license": ["mit", 5]},
}
LICENCES = {
    "Qwen/Small": "apache-2.0",
    "Qwen/Small@0123abc": "apache-2.0",
    "Qwen/Small:q4_k_m@sha256:0123456789abcdef": "apache-2.0",
    "Qwen/Own": "qwen-research",
    "Qwen/Silent": None,
    "Qwen/Odd": None,
    "Qwen/Absent": None,
    "small.gguf@sha256:0123456789abcdef": None,
    "gpt-large": None,
    "a b/c\n": None,
    "../../etc/passwd": None,
    "": None,
}


def licences_of(models: list[str]) -> dict[str, str | None]:
    from hub.rights.model_licences import licences

    return licences(models)


def test_a_licence_is_what_the_card_of_the_model_says(local_hub: LocalHub, hub_client: Client) -> None:
    local_hub.models |= MODELS
    assert hub_client.run(licences_of, list(LICENCES)) == LICENCES


@pytest.mark.parametrize("fault", ["refuse", "drop", "stop"])
def test_no_licence_is_known_if_the_hub_fails(local_hub: LocalHub, hub_client: Client, fault: str) -> None:
    local_hub.models |= MODELS
    if fault == "refuse":
        local_hub.faults.refuse("GET", "/api/models/", 404)
    elif fault == "drop":
        local_hub.faults.lose_reply("GET", "/api/models/")
    else:
        local_hub.stop()
    try:
        assert hub_client.run(licences_of, ["Qwen/Small"]) == {"Qwen/Small": None}
    finally:
        if fault == "stop":
            local_hub.start()


def test_the_models_are_those_that_the_tables_name(tmp_path):
    folder = Folder(tmp_path)
    made = {"functions": ["b/b", None], "turns": ["a/a", "b/b"]}
    for config, written_by in made.items():
        rows = [{"model": model} for model in written_by]
        folder.write(config, {"train": table(rows, TABLES[config].features)})
    assert models(folder) == ["a/a", "b/b"]
