"""What people get of two published versions who have nothing but `datasets`."""

import json
from pathlib import Path
from typing import Any, TypedDict

import pyarrow.parquet as pq
import pytest

from builders.schema import TABLES
from builders.tables.folder import DEFAULT_CONFIG, SPLITS, Folder
from tests.auditing import OPTIONS
from tests.doubles.local_hub import Client, LocalHub
from tests.doubles.local_hub.generations import installed_python
from tests.publishing import built, command

REPO = "ada/data"
FIRST = ("--max-pairs", 2, "--samples", 1, "--turns", 0, "--test-share", 0.5)
"""Of this version whole columns hold nothing: no revisions, no pass rates; and there are no preferences."""
EMPTY = {("rlvr", "pass_rate"), ("rlvr", "pass_rate_model"), ("codeio_pp", "turn_2")}


class Loaded(TypedDict):
    rows: dict[str, list[dict[str, Any]]]
    features: dict[str, Any]


def loaded(repo: str, config: str | None, revision: str, streaming: bool) -> Loaded:
    """Rows by split, and the columns' types."""
    from datasets import load_dataset

    splits = load_dataset(repo, config, revision=revision, streaming=streaming)
    features = [split.features.to_dict() for split in splits.values()]
    assert all(one == features[0] for one in features)
    rows = {name: sorted(split, key=str) for name, split in splits.items()}
    return {"rows": rows, "features": features[0]}


def types_of_files(repo: str, config: str, revision: str) -> dict[str, Any]:
    """The columns' types as the files themselves have them, whatever the card says."""
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
    """What the published verifier says, run where nothing but the standard library can be imported."""
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
    # -I and -S: neither packages nor the folder it is in
    given = [sys.executable, "-I", "-S", "-c", program, file, json.dumps(answers)]
    return subprocess.run(given, capture_output=True, text=True, check=True).stdout.split()


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Folder]:
    """Two builds; the second has one more function, more answers, and so more in its columns."""
    home = tmp_path_factory.mktemp("versions")
    return {"v1.0.0": Folder(built(home, 2, FIRST)), "v1.1.0": Folder(built(home, 3, OPTIONS))}


@pytest.fixture
def published(versions: dict[str, Folder], local_hub: LocalHub, tmp_path: Path) -> dict[str, Folder]:
    """The same, one after the other in a repository."""
    with Client(installed_python(), local_hub.environment(tmp_path / "home"), tmp_path / "client") as client:
        for tag, folder in versions.items():
            code, _, errors = client.run(command, "publish", str(folder.root), REPO, "--tag", tag)
            assert code == 0, errors
    return versions


def rows(folder: Folder, config: str) -> dict[str, list[dict[str, Any]]]:
    """Those of a build by split, in the order of their text: a version has them in that of the one before."""
    found = {
        split: [row for file in folder.files(config) if file.name.startswith(split) for row in _rows(file)]
        for split in SPLITS
    }
    return {split: sorted(some, key=str) for split, some in found.items() if some}


def _rows(file: Path) -> list[dict[str, Any]]:
    return pq.read_table(file).to_pylist()  # type: ignore[no-any-return]


def test_every_config_of_every_version(published: dict[str, Folder], plain_client: Client):
    of_tag = plain_client.run(commits, REPO)
    assert list(of_tag) == list(published)
    for tag, folder in published.items():
        there = folder.counts()
        assert set(plain_client.run(configs, REPO, tag)) == set(there)
        for config in there:
            expected = {"rows": rows(folder, config), "features": TABLES[config].features.to_dict()}
            for revision in (tag, of_tag[tag]):
                for streaming in (False, True):
                    assert plain_client.run(loaded, REPO, config, revision, streaming) == expected
            assert plain_client.run(types_of_files, REPO, config, tag) == expected["features"], (tag, config)
        assert plain_client.run(loaded, REPO, None, tag, False)["rows"] == rows(folder, DEFAULT_CONFIG)
    latest = plain_client.run(loaded, REPO, None, "main", True)
    assert latest["rows"] == rows(published["v1.1.0"], DEFAULT_CONFIG)


def test_the_versions_differ_in_what_they_have(versions: dict[str, Folder]):
    """Else the test above would say nothing of splits, and of the types of columns without any value."""
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
