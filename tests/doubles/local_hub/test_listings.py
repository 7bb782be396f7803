"""Listings of a revision: trees, paths, git ids, and pagination."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.doubles.local_hub import Client, ClientFailed, LocalHub

FILES = [
    "a.txt",
    "a/b/c.txt",
    "a/b.txt",
    "a-b/c.txt",
    "z.parquet",
    "data/train-00000-of-00001.parquet",
    "é ü.txt",
]


def prepare(repository: str, names: list[str]) -> str:
    """Create a repository with one commit for each file, whose content is its name."""
    from huggingface_hub import HfApi

    api = HfApi()
    api.create_repo(repository, repo_type="dataset")
    for name in names:
        commit = api.upload_file(
            path_or_fileobj=name.encode(),
            path_in_repo=name,
            repo_id=repository,
            repo_type="dataset",
            commit_message=name,
        )
    return commit.oid


def tree(repository: str, folder: str | None, recursive: bool, revision: str | None = None) -> list[str]:
    from huggingface_hub import HfApi

    listed = HfApi().list_repo_tree(
        repository, path_in_repo=folder, recursive=recursive, revision=revision, repo_type="dataset"
    )
    return [entry.path for entry in listed]


@pytest.mark.skipif(shutil.which("git") is None, reason="git is the judge")
def test_files_folders_and_commits_have_the_ids_that_git_gives_them(
    local_hub: LocalHub, hub_client: Client, tmp_path: Path
) -> None:
    def ids(repository: str) -> dict[str, str]:
        from huggingface_hub import HfApi
        from huggingface_hub.hf_api import RepoFile

        listed = HfApi().list_repo_tree(repository, recursive=True, repo_type="dataset")
        return {
            entry.path: entry.blob_id if isinstance(entry, RepoFile) else entry.tree_id for entry in listed
        }

    def git(*arguments: str, stdin: bytes = b"") -> str:
        # A new environment, because that of a git hook names the repository of this file.
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        command = ["git", *arguments]
        folder = tmp_path / "git"
        result = subprocess.run(
            command, cwd=folder, env=environment, input=stdin, capture_output=True, check=True
        )
        return result.stdout.decode().strip()

    files = [name for name in FILES if not name.endswith(".parquet")]
    commit_id = hub_client.run(prepare, "ada/data", files)
    (tmp_path / "git").mkdir()
    git("init", "--quiet")
    for path, content in local_hub.files("ada/data").items():
        blob = git("hash-object", "-w", "--stdin", stdin=content)
        git("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}")
    lines = git("-c", "core.quotePath=false", "ls-tree", "-r", "-t", git("write-tree")).splitlines()
    assert hub_client.run(ids, "ada/data") == {line.split("\t")[1]: line.split()[2] for line in lines}
    # The commit has the right id if git gives that id to the same text.
    repository = local_hub.repositories.get("ada/data")
    assert repository is not None
    head = repository.resolve(commit_id)
    assert head.parent is not None
    identity = f"ada <ada@users.noreply.huggingface.co> {int(head.date.timestamp())} +0000"
    text = f"tree {git('write-tree')}\nparent {head.parent.oid}\n"
    text += f"author {identity}\ncommitter {identity}\n\n{head.title}\n"
    assert commit_id == git("hash-object", "-t", "commit", "--stdin", "--literally", stdin=text.encode())


def test_a_tree_has_the_files_and_folders_of_a_revision(hub_client: Client) -> None:
    commit_id = hub_client.run(prepare, "ada/data", FILES)
    folders = ["a", "a/b", "a-b", "data"]
    assert hub_client.run(tree, "ada/data", None, True) == sorted([".gitattributes", *FILES, *folders])
    assert hub_client.run(tree, "ada/data", None, False) == sorted(
        [".gitattributes", "a", "a-b", "a.txt", "data", "z.parquet", "é ü.txt"]
    )
    assert hub_client.run(tree, "ada/data", "a", False) == ["a/b", "a/b.txt"]
    assert hub_client.run(tree, "ada/data", "a/b", True, commit_id) == ["a/b/c.txt"]
    with pytest.raises(ClientFailed) as failed:
        hub_client.run(tree, "ada/data", "missing", False)
    assert "EntryNotFoundError" in failed.value.kinds
    with pytest.raises(ClientFailed) as failed:
        hub_client.run(tree, "ada/data", None, False, "missing")
    assert failed.value.kind == "RevisionNotFoundError"


def test_a_long_tree_is_sent_in_pages(hub_client: Client, local_hub: LocalHub) -> None:
    hub_client.run(prepare, "ada/data", FILES)
    whole = hub_client.run(tree, "ada/data", None, True)
    local_hub.page_size = 5
    local_hub.counters.clear()
    assert hub_client.run(tree, "ada/data", None, True) == whole
    assert len(whole) == 12
    assert local_hub.counters.statuses("GET", "/tree/main") == [200, 200, 200]


def test_a_long_history_is_sent_in_pages(hub_client: Client, local_hub: LocalHub) -> None:
    def log(repository: str) -> list[str]:
        from huggingface_hub import HfApi

        return [commit.title for commit in HfApi().list_repo_commits(repository, repo_type="dataset")]

    hub_client.run(prepare, "ada/data", FILES)
    local_hub.page_size = 3
    assert hub_client.run(log, "ada/data") == [*reversed(FILES), "initial commit"]
    assert local_hub.counters.statuses("GET", "/commits/main") == [200, 200, 200]


def test_an_expanded_tree_has_the_last_commit_of_each_path(hub_client: Client) -> None:
    def last_commits(repository: str) -> dict[str, str]:
        from huggingface_hub import HfApi

        listed = HfApi().list_repo_tree(repository, recursive=True, expand=True, repo_type="dataset")
        return {entry.path: entry.last_commit.title for entry in listed if entry.last_commit}

    hub_client.run(prepare, "ada/data", ["a/1.txt", "b.txt", "a/2.txt", "c.txt"])
    assert hub_client.run(last_commits, "ada/data") == {
        ".gitattributes": "initial commit",
        "a": "a/2.txt",
        "a/1.txt": "a/1.txt",
        "a/2.txt": "a/2.txt",
        "b.txt": "b.txt",
        "c.txt": "c.txt",
    }


def test_only_existing_paths_are_described_and_at_most_a_thousand(hub_client: Client) -> None:
    def existing(repository: str, paths: list[str]) -> list[str]:
        from huggingface_hub import HfApi

        return [entry.path for entry in HfApi().get_paths_info(repository, paths, repo_type="dataset")]

    hub_client.run(prepare, "ada/data", FILES)
    paths = ["a", "a/b.txt", "missing.txt", "é ü.txt", "a/b/"]
    assert hub_client.run(existing, "ada/data", paths) == ["a", "a/b.txt", "é ü.txt", "a/b"]
    with pytest.raises(ClientFailed, match="too many parameters") as failed:
        hub_client.run(existing, "ada/data", [f"{number}.txt" for number in range(1001)])
    assert failed.value.status == 413
