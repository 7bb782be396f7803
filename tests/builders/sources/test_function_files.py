"""Functions from datasets of others, read by the real client from a local Hub."""

import gzip
import json

import pytest

from builders.options import RawCodeOptions
from builders.sources.function_files import read_lines
from builders.sources.function_rows import ImportedFunctions
from builders.tables.folder import Folder
from hub.card.card import card
from tests.builders.sources.test_own_tables import GYM, OWN, REFERENCE
from tests.doubles.local_hub import Client, ClientFailed, LocalHub

REPO = "ada/raw"
# `load_dataset` would convert the two outputs to one type, and give 0.3333333333 here.
PAIRS = [{"input": {"a": 1 / 3}, "output": 1 / 3}, {"input": {"a": [1]}, "output": [1]}]


def create(repo_id: str) -> None:
    from huggingface_hub import HfApi

    HfApi().create_repo(repo_id, repo_type="dataset")


def first_tables(source: str, cache: str) -> dict[str, list[dict[str, object]]]:
    """Return the functions that a build takes from the Hub; if they are not tables, also pairs and drops."""
    from pathlib import Path

    from builders.execution import Prover, Sandbox
    from builders.io_pairs import IOPairs
    from builders.options import IOPairsOptions, RawCodeOptions
    from builders.sources import own_tables
    from builders.sources.function_files import read_lines
    from builders.sources.function_rows import ImportedFunctions

    if own_tables.has_tables(source):
        return {"functions": own_tables.load_tables(source, "functions")["functions"].to_list()}
    functions, _ = ImportedFunctions(RawCodeOptions())(read_lines(source, Path(cache)))
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
    tables = hub_client.run(first_tables, REPO, str(tmp_path / "cache"))
    assert len(tables["functions"]) == 3
    first = tables["functions"][0]["function_id"]
    assert [
        (pair["input"], pair["output"]) for pair in tables["io_pairs"] if pair["function_id"] == first
    ] == [
        ('{"a":0.3333333333333333}', "0.3333333333333333"),
        ('{"a":[1]}', "[1]"),
    ]
    assert len(tables["io_pairs"]) == 5  # three of them are drawn for the function of reasoning-gym
    assert [drop["stage"] for drop in tables["dropped"]] == ["io_pairs"]


def test_a_new_commit_is_read_anew(hub_client: Client, local_hub: LocalHub, tmp_path):
    hub_client.run(create, REPO)
    for query in ("old", "new"):
        local_hub.commit(REPO, {"functions.jsonl": json.dumps({**OWN, "query": query}).encode()})
        tables = hub_client.run(first_tables, REPO, str(tmp_path / "cache"))
        assert [function["query"] for function in tables["functions"]] == [query]


def test_a_dataset_as_codeio_makes_it_is_taken_as_it_is(hub_client: Client, local_hub: LocalHub, tmp_path):
    hub_client.run(create, REPO)
    (tmp_path / "functions.jsonl").write_text(json.dumps(OWN))
    rows = read_lines(str(tmp_path / "functions.jsonl"), tmp_path / "cache")
    functions, _ = ImportedFunctions(RawCodeOptions())(rows)
    folder = Folder(tmp_path / "made")
    (folder.root / ".codeio").mkdir(parents=True)
    folder.write("functions", {"train": functions.remove_columns("recorded")})
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
    tables = hub_client.run(first_tables, REPO, str(tmp_path / "cache"))
    assert tables == {"functions": functions.remove_columns("recorded").to_list()}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"prompt": "x", "turn_1": "y"}', "train.jsonl:1 has no known layout: its columns are"),
        (None, "ada/none is neither a local folder nor a dataset that can be read from the Hub"),
    ],
)
def test_a_dataset_without_functions_is_one_sentence(
    hub_client: Client, local_hub: LocalHub, tmp_path, content, words
):
    name = REPO if content else "ada/none"
    if content:
        hub_client.run(create, REPO)
        local_hub.commit(REPO, {"train.jsonl": content})
    with pytest.raises(ClientFailed) as failed:
        hub_client.run(first_tables, name, str(tmp_path / "cache"))
    assert failed.value.kind == "SourceError"
    assert words in failed.value.message
