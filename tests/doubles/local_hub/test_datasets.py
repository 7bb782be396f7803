"""What users do with `datasets`: push, load by tag, stream and push again."""

from typing import TypedDict

import pytest

from tests.doubles.local_hub import Client, ClientFailed, LocalHub

COLUMNS = ["n", "text"]


def push(repository: str, config: str, n_train: int, revision: str | None = None) -> str:
    """Push a dataset of two splits, in shards of 100 rows; return the commit's id."""
    from datasets import Dataset, DatasetDict, Features, Value

    def rows(first: int, n: int) -> Dataset:
        features = Features({"n": Value("int64"), "text": Value("string")})
        numbers = range(first, first + n)
        return Dataset.from_dict({"n": numbers, "text": [f"row {number}" for number in numbers]}, features)

    splits = DatasetDict({"train": rows(0, n_train), "test": rows(1_000_000, 50)})
    shards = {"train": n_train // 100, "test": 1}
    pushed = splits.push_to_hub(repository, config, num_shards=shards, revision=revision)
    oid: str = pushed.oid
    return oid


def tag(repository: str, name: str) -> None:
    from huggingface_hub import HfApi

    HfApi().create_tag(repository, tag=name, repo_type="dataset")


class Loaded(TypedDict):
    n_rows: dict[str, int]
    n_sum: int
    columns: list[str]


def load(repository: str, config: str, revision: str | None = None) -> Loaded:
    from datasets import load_dataset

    splits = load_dataset(repository, config, revision=revision)
    return {
        "n_rows": {name: split.num_rows for name, split in splits.items()},
        "n_sum": sum(splits["train"]["n"]),
        "columns": splits["train"].column_names,
    }


def stream(repository: str, config: str, revision: str | None = None) -> list[int]:
    from datasets import load_dataset

    split = load_dataset(repository, config, revision=revision, split="train", streaming=True)
    return [row["n"] for row in split]


def expected(n_train: int) -> Loaded:
    return {"n_rows": {"train": n_train, "test": 50}, "n_sum": sum(range(n_train)), "columns": COLUMNS}


def test_each_tag_loads_the_data_that_it_was_put_on(hub_client: Client, local_hub: LocalHub) -> None:
    first = hub_client.run(push, "ada/data", "small", 300)
    assert len(local_hub.counters.uploads) == 4
    assert sorted(local_hub.files("ada/data", first)) == [
        ".gitattributes",
        "README.md",
        "small/test-00000-of-00001.parquet",
        *(f"small/train-0000{number}-of-00003.parquet" for number in range(3)),
    ]
    hub_client.run(tag, "ada/data", "v1.0.0")
    local_hub.counters.clear()
    second = hub_client.run(push, "ada/data", "small", 500)
    hub_client.run(push, "ada/data", "large", 1000)
    hub_client.run(tag, "ada/data", "v2.0.0")
    hub_client.restart()
    assert hub_client.run(load, "ada/data", "small", "v1.0.0") == expected(300)
    assert hub_client.run(load, "ada/data", "small", "v2.0.0") == expected(500)
    assert hub_client.run(load, "ada/data", "small", second) == expected(500)
    assert hub_client.run(load, "ada/data", "large") == expected(1000)
    with pytest.raises(ClientFailed, match="large"):  # v1.0.0 does not have this config
        hub_client.run(load, "ada/data", "large", "v1.0.0")
    with pytest.raises(ClientFailed, match=r"v3\.0\.0") as failed:
        hub_client.run(load, "ada/data", "small", "v3.0.0")
    assert failed.value.kind == "DatasetNotFoundError"
    # A second load downloads no files, because they are cached.
    local_hub.counters.clear()
    hub_client.restart()
    assert hub_client.run(load, "ada/data", "small", "v1.0.0") == expected(300)
    assert local_hub.counters.statuses("GET", "/repos/") == []


def test_unchanged_shards_are_not_uploaded_again(hub_client: Client, local_hub: LocalHub) -> None:
    first = hub_client.run(push, "ada/data", "small", 300)
    local_hub.counters.clear()
    hub_client.restart()
    assert hub_client.run(push, "ada/data", "small", 300) == first
    assert local_hub.counters.uploads == []
    assert local_hub.counters.statuses("POST", "/commit/") == []
    # If the dataset grows, only new shards are uploaded: the old shards have new names but the same content.
    hub_client.run(push, "ada/data", "small", 500)
    assert len(local_hub.counters.uploads) == 2
    assert local_hub.counters.statuses("POST", "/commit/") == [200]


def test_streaming_yields_the_rows_of_a_revision(hub_client: Client, local_hub: LocalHub) -> None:
    hub_client.run(push, "ada/data", "small", 300)
    hub_client.run(tag, "ada/data", "v1.0.0")
    hub_client.run(push, "ada/data", "small", 500)
    hub_client.restart()
    local_hub.counters.clear()
    assert hub_client.run(stream, "ada/data", "small", "v1.0.0") == list(range(300))
    assert hub_client.run(stream, "ada/data", "small") == list(range(500))
    statuses = local_hub.counters.statuses("GET", "/repos/")
    assert 206 in statuses  # range requests
    assert set(statuses) <= {200, 206}


def test_a_push_can_go_to_a_branch_or_a_pull_request(hub_client: Client) -> None:
    def propose(repository: str) -> str:
        from datasets import Dataset

        pushed = Dataset.from_dict({"n": [1, 2, 3]}).push_to_hub(repository, "other", create_pr=True)
        revision: str = pushed.pr_revision
        return revision

    def rows(repository: str, revision: str) -> list[int]:
        from datasets import load_dataset

        return list(load_dataset(repository, "other", revision=revision, split="train")["n"])

    hub_client.run(push, "ada/data", "small", 100)
    hub_client.run(push, "ada/data", "small", 200, "next")
    revision = hub_client.run(propose, "ada/data")
    assert revision == "refs/pr/1"
    assert hub_client.run(load, "ada/data", "small", "main") == expected(100)
    assert hub_client.run(load, "ada/data", "small", "next") == expected(200)
    assert hub_client.run(rows, "ada/data", revision) == [1, 2, 3]


def test_a_private_dataset_needs_a_token_of_its_owner(hub_client: Client, local_hub: LocalHub) -> None:
    hub_client.run(push, "ada/data", "small", 100)
    repository = local_hub.repositories.get("ada/data")
    assert repository is not None
    repository.private = True
    assert hub_client.run(load, "ada/data", "small") == expected(100)
    assert hub_client.run(stream, "ada/data", "small") == list(range(100))
    for token in ("hf_bob", None):
        hub_client.login(token)
        for function in (load, stream):
            with pytest.raises(ClientFailed) as failed:
                hub_client.run(function, "ada/data", "small")
            assert failed.value.kind == "DatasetNotFoundError"


@pytest.mark.parametrize("status", [409, 412])
def test_a_push_does_not_retry_a_refused_commit(hub_client: Client, local_hub: LocalHub, status: int) -> None:
    """Show that `datasets` does not retry: it looks for the status where the Hub's clients do not put it."""
    local_hub.faults.refuse("POST", "/commit/", status)
    with pytest.raises(ClientFailed) as failed:
        hub_client.run(push, "ada/data", "small", 100)
    assert failed.value.status == status
    assert local_hub.counters.statuses("POST", "/commit/") == [status]
    assert list(local_hub.files("ada/data")) == [".gitattributes"]
    n_uploads = len(local_hub.counters.uploads)
    hub_client.run(push, "ada/data", "small", 100)
    assert len(local_hub.counters.uploads) == n_uploads


def test_the_card_of_a_push_can_be_extended(hub_client: Client, local_hub: LocalHub) -> None:
    def extend_card(repository: str) -> dict[str, object]:
        from huggingface_hub import CommitOperationAdd, DatasetCard, HfApi

        api = HfApi()
        card = DatasetCard.load(api.hf_hub_download(repository, "README.md", repo_type="dataset"))
        card.data.license = "cc-by-4.0"
        card.data.tags = ["code", "synthetic"]
        additions = [CommitOperationAdd("README.md", str(card).encode())]
        api.create_commit(repository, additions, commit_message="Card", repo_type="dataset")
        metadata = api.dataset_info(repository).card_data
        assert metadata is not None
        return {name: metadata[name] for name in ("license", "tags", "configs")}

    hub_client.run(push, "ada/data", "small", 100)
    metadata = hub_client.run(extend_card, "ada/data")
    files = [{"split": split, "path": f"small/{split}-*"} for split in ("train", "test")]
    assert metadata == {
        "license": "cc-by-4.0",
        "tags": ["code", "synthetic"],
        "configs": [{"config_name": "small", "data_files": files}],
    }
    assert hub_client.run(load, "ada/data", "small") == expected(100)
