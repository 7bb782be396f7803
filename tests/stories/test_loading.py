"""Two published versions, loaded by users who have only `datasets`."""

import json
from pathlib import Path
from typing import Any, TypedDict

import pyarrow.parquet as pq
import pytest

from builders.schema import TABLES
from builders.tables.folder import DEFAULT_CONFIG, SPLITS, Folder
from tests.auditing import OPTIONS
from tests.doubles.local_hub import Client, LocalHub
from tests.doubles.local_hub.fixtures import StartClient
from tests.doubles.local_hub.generations import installed_python
from tests.publishing import built, call_codeio

REPO = "ada/data"
FIRST = ("--max-pairs", 2, "--samples", 1, "--turns", 0, "--test-share", 0.5)
"""Options of the first version, whose `EMPTY` columns hold only nulls, and which has no preferences."""
EMPTY = {("rlvr", "pass_rate"), ("rlvr", "pass_rate_model"), ("codeio_pp", "turn_2")}


class Loaded(TypedDict):
    rows: dict[str, list[dict[str, Any]]]
    features: dict[str, Any]


def loaded(repo: str, config: str | None, revision: str, streaming: bool) -> Loaded:
    """Return the rows of each split, and the types of the columns."""
    from datasets import load_dataset

    splits = load_dataset(repo, config, revision=revision, streaming=streaming)
    features = [split.features.to_dict() for split in splits.values()]
    assert all(of_split == features[0] for of_split in features)
    rows = {name: sorted(split, key=str) for name, split in splits.items()}
    return {"rows": rows, "features": features[0]}


def types_of_files(repo: str, config: str, revision: str) -> dict[str, Any]:
    """Return the types of the columns as in the files themselves, without the card."""
    from datasets import load_dataset

    files = f"hf://datasets/{repo}@{revision}/{config}/*.parquet"
    features: dict[str, Any] = load_dataset("parquet", data_files=files, split="train").features.to_dict()
    return features


def configs(repo: str, revision: str) -> list[str]:
    from datasets import get_dataset_config_names

    return get_dataset_config_names(repo, revision=revision)


def commits(repo: str) -> dict[str, str]:
    from huggingface_hub import HfApi

    return {tag.name: tag.target_commit for tag in HfApi().list_repo_refs(repo, repo_type="dataset").tags}


def graded(repo: str, revision: str, answers: list[list[str]]) -> list[str]:
    """Return what the published verifier says in a Python that has only the standard library."""
    import json
    import subprocess
    import sys

    from huggingface_hub import hf_hub_download

    file = hf_hub_download(repo, "verifier.py", repo_type="dataset", revision=revision)
    program = """
import json, runpy, sys
rules = runpy.run_path(sys.argv[1])
for reply, given, output in json.loads(sys.argv[2]):
    print(rules["verify"]("output", rules["extract"](reply, "output"), given, output).status)
"""
    # With -I and -S, neither packages nor the current folder can be imported.
    words = [sys.executable, "-I", "-S", "-c", program, file, json.dumps(answers)]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Folder]:
    """Return two builds; the second has one more function and more answers, so fewer columns are empty."""
    home = tmp_path_factory.mktemp("versions")
    return {"v1.0.0": Folder(built(home, 2, FIRST)), "v1.1.0": Folder(built(home, 3, OPTIONS))}


@pytest.fixture
def published(
    versions: dict[str, Folder],
    local_hub: LocalHub,
    clients_home: Path,
    start_client: StartClient,
    tmp_path: Path,
) -> dict[str, Folder]:
    """Publish both builds to a repository, one after the other, and return them."""
    variables = local_hub.environment(clients_home)
    with start_client(installed_python(), variables, tmp_path / "client") as client:
        for tag, folder in versions.items():
            code, _, errors = client.run(call_codeio, "publish", str(folder.root), REPO, "--tag", tag)
            assert code == 0, errors
    return versions


def rows(folder: Folder, config: str) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of a build by split, sorted by text: a version's order depends on the one before."""
    by_split = {
        split: [row for file in folder.files(config) if file.name.startswith(split) for row in _rows(file)]
        for split in SPLITS
    }
    return {split: sorted(of_split, key=str) for split, of_split in by_split.items() if of_split}


def _rows(file: Path) -> list[dict[str, Any]]:
    return pq.read_table(file).to_pylist()  # type: ignore[no-any-return]


def test_every_config_of_every_version(published: dict[str, Folder], plain_client: Client):
    commit_of = plain_client.run(commits, REPO)
    assert list(commit_of) == list(published)
    for tag, folder in published.items():
        counts = folder.counts()
        assert set(plain_client.run(configs, REPO, tag)) == set(counts)
        for config in counts:
            expected = {"rows": rows(folder, config), "features": TABLES[config].features.to_dict()}
            for revision in (tag, commit_of[tag]):
                for streaming in (False, True):
                    assert plain_client.run(loaded, REPO, config, revision, streaming) == expected
            assert plain_client.run(types_of_files, REPO, config, tag) == expected["features"], (tag, config)
        assert plain_client.run(loaded, REPO, None, tag, False)["rows"] == rows(folder, DEFAULT_CONFIG)
    latest = plain_client.run(loaded, REPO, None, "main", True)
    assert latest["rows"] == rows(published["v1.1.0"], DEFAULT_CONFIG)


def test_the_versions_differ_in_what_they_have(versions: dict[str, Folder]):
    """The test above covers both splits, and the types of columns that hold only nulls."""
    old, new = versions.values()
    assert {*old.counts()["codeio_pp"]} == {*new.counts()["codeio_pp"]} == {*SPLITS}
    for config, column in EMPTY:
        assert set(old.column(config, column)) == {None}
        assert set(new.column(config, column)) != {None}
    assert "preference" not in old.counts()
    assert "preference" in new.counts()


def test_the_published_rules_need_nothing_else(published: dict[str, Folder], plain_client: Client):
    row = next(row for row in published["v1.0.0"].read("rlvr") if row["direction"] == "output")
    answers = [
        [f'I add. {{"output": {row["output"]}}}', row["input"], row["output"]],
        ['I guess. {"output": null}', row["input"], row["output"]],
        ["I do not know.", row["input"], row["output"]],
    ]
    for tag in published:
        assert plain_client.run(graded, REPO, tag, answers) == ["correct", "wrong", "no_answer"]
    assert json.loads(row["output"]) is not None
