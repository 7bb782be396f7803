"""Functions out of a Hub dataset as others lay them out, by the real client from a local Hub."""

import gzip
import json

import pytest

from tests.local_hub import Client, ClientFailed, LocalHub
from tests.test_imports import GYM, OWN, REFERENCE

REPO = "ada/raw"
# Of outputs of two types `load_dataset` makes one; it would give 0.3333333333 here, too.
PAIRS = [{"input": {"a": 1 / 3}, "output": 1 / 3}, {"input": {"a": [1]}, "output": [1]}]


def create(repo_id: str) -> None:
    from huggingface_hub import HfApi

    HfApi().create_repo(repo_id, repo_type="dataset")


def built(source: str, out: str) -> dict[str, list[dict[str, object]]]:
    from pathlib import Path

    from builders.folder import Folder
    from builders.pipeline import Build, Observer, Options, deciding
    from builders.run import Run

    options, run = Options(source, from_table="functions", test_share=0), Run(Path(out))
    with run.opened(deciding(options)):
        Build(options, run, None, workers=1, observer=Observer())("io_pairs")
    folder = Folder(Path(out))
    return {name: folder.read(name).to_list() for name in ("functions", "io_pairs", "dropped")}


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
    made = hub_client.run(built, REPO, str(tmp_path / "out"))
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
        made = hub_client.run(built, REPO, str(tmp_path / "out"))
        assert [function["query"] for function in made["functions"]] == [query]


def test_a_dataset_as_codeio_makes_it_is_taken_as_it_is(hub_client: Client, local_hub: LocalHub, tmp_path):
    hub_client.run(create, REPO)
    (tmp_path / "functions.jsonl").write_text(json.dumps(OWN))
    first = hub_client.run(built, str(tmp_path / "functions.jsonl"), str(tmp_path / "first"))
    files = {
        path.relative_to(tmp_path / "first").as_posix(): path.read_bytes()
        for path in (tmp_path / "first").rglob("*")
        if path.is_file() and ".codeio" not in path.parts
    }
    local_hub.commit(REPO, files)
    assert hub_client.run(built, REPO, str(tmp_path / "second")) == first


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"prompt": "x", "turn_1": "y"}', "train.jsonl:1 is a row of no known layout: it has the columns"),
        (None, "ada/none is neither a folder here nor a dataset that the Hub gives"),
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
        hub_client.run(built, name, str(tmp_path / "out"))
    assert failed.value.kind == "SourceError"
    assert said in failed.value.message
