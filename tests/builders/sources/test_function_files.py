"""Functions out of a Hub dataset as others lay them out, by the real client from a local Hub."""

import gzip
import json

import pytest

from builders.options import RawCodeOptions
from builders.sources.function_files import lines
from builders.sources.function_rows import ImportedFunctions
from builders.tables.folder import Folder
from hub.card.card import card
from tests.builders.sources.test_own_tables import GYM, OWN, REFERENCE
from tests.doubles.local_hub import Client, ClientFailed, LocalHub

REPO = "ada/raw"
# Of outputs of two types `load_dataset` makes one; it would give 0.3333333333 here, too.
PAIRS = [{"input": {"a": 1 / 3}, "output": 1 / 3}, {"input": {"a": [1]}, "output": [1]}]


def create(repo_id: str) -> None:
    from huggingface_hub import HfApi

    HfApi().create_repo(repo_id, repo_type="dataset")


def taken(source: str, cache: str) -> dict[str, list[dict[str, object]]]:
    """What a build takes from the Hub, and makes of it first."""
    from pathlib import Path

    from builders.execution import Prover, Sandbox
    from builders.io_pairs import IOPairs
    from builders.options import IOPairsOptions, RawCodeOptions
    from builders.sources import own_tables as imports
    from builders.sources.function_files import lines
    from builders.sources.function_rows import ImportedFunctions

    if imports.has_tables(source):
        return {"functions": imports.tables(source, "functions")["functions"].to_list()}
    functions, _ = ImportedFunctions(RawCodeOptions())(lines(source, Path(cache)))
    with Sandbox() as sandbox, Prover() as prover:
        pairs, dropped = IOPairs(IOPairsOptions(), sandbox, prover)(functions)
    return {
        "functions": functions.remove_columns("recorded").to_list(),
        "io_pairs": pairs.to_list(),
        "dropped": dropped.to_list(),
    }


def test_the_releases_layout_is_read_from_the_hub_and_proved(
    hub_client: Client, local_hub: LocalHub, tmp_path
):
    hub_client.run(create, REPO)
    rows = [{**REFERENCE, "ios": PAIRS}, {**REFERENCE, "funcname": "g"}]
    local_hub.commit(
        REPO,
        {
            "0_filtered.jsonl": "\n".join(map(json.dumps, rows)).encode(),
            "more/gym.jsonl.gz": gzip.compress(json.dumps(GYM).encode()),
            "README.md": b"---\nlicense: odc-by\n---\n",
        },
    )
    made = hub_client.run(taken, REPO, str(tmp_path / "cache"))
    assert len(made["functions"]) == 3
    first = made["functions"][0]["function_id"]
    assert [(pair["input"], pair["output"]) for pair in made["io_pairs"] if pair["function_id"] == first] == [
        ('{"a":0.3333333333333333}', "0.3333333333333333"),
        ('{"a":[1]}', "[1]"),
    ]
    assert len(made["io_pairs"]) == 5  # three of them drawn, of reasoning-gym's function
    assert [drop["stage"] for drop in made["dropped"]] == ["io_pairs"]


def test_a_new_commit_is_read_anew(hub_client: Client, local_hub: LocalHub, tmp_path):
    hub_client.run(create, REPO)
    for query in ("old", "new"):
        local_hub.commit(REPO, {"functions.jsonl": json.dumps({**OWN, "query": query}).encode()})
        made = hub_client.run(taken, REPO, str(tmp_path / "cache"))
        assert [function["query"] for function in made["functions"]] == [query]


def test_a_dataset_as_codeio_makes_it_is_taken_as_it_is(hub_client: Client, local_hub: LocalHub, tmp_path):
    hub_client.run(create, REPO)
    (tmp_path / "functions.jsonl").write_text(json.dumps(OWN))
    rows = lines(str(tmp_path / "functions.jsonl"), tmp_path / "cache")
    given, _ = ImportedFunctions(RawCodeOptions())(rows)
    folder = Folder(tmp_path / "made")
    (folder.root / ".codeio").mkdir(parents=True)
    folder.write("functions", {"train": given.remove_columns("recorded")})
    folder.write_readme(card(folder, {}, "data"))
    (file,) = folder.files("functions")
    local_hub.commit(
        REPO,
        {
            "README.md": (folder.root / "README.md").read_bytes(),
            f"functions/{file.name}": file.read_bytes(),
            "notes.jsonl": b"read by nobody",
        },
    )
    found = hub_client.run(taken, REPO, str(tmp_path / "cache"))
    assert found == {"functions": given.remove_columns("recorded").to_list()}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"prompt": "x", "turn_1": "y"}', "train.jsonl:1 has no known layout: its columns are"),
        (None, "ada/none is neither a local folder nor a dataset that can be read from the Hub"),
    ],
)
def test_a_dataset_without_functions_is_one_sentence(
    hub_client: Client, local_hub: LocalHub, tmp_path, content, said
):
    name = REPO if content else "ada/none"
    if content:
        hub_client.run(create, REPO)
        local_hub.commit(REPO, {"train.jsonl": content})
    with pytest.raises(ClientFailed) as failed:
        hub_client.run(taken, name, str(tmp_path / "cache"))
    assert failed.value.kind == "SourceError"
    assert said in failed.value.message
