"""A commit is made completely or not at all, and only on the head that it expects."""

import time
from typing import TypedDict

import pytest

from tests.doubles.local_hub import Client, ClientFailed, LocalHub
from tests.doubles.local_hub.history import Commit, new_commit
from tests.doubles.local_hub.trees import Tree


def prepare(repository: str, names: list[str]) -> str:
    """Create a repository of files whose contents are their names."""
    from huggingface_hub import CommitOperationAdd, HfApi

    api = HfApi()
    api.create_repo(repository, repo_type="dataset")
    additions = [CommitOperationAdd(name, name.encode()) for name in names]
    return api.create_commit(repository, additions, commit_message="Begin", repo_type="dataset").oid


def add(repository: str, name: str, parent: str | None = None) -> str:
    from huggingface_hub import CommitOperationAdd, HfApi

    commit = HfApi().create_commit(
        repository,
        [CommitOperationAdd(name, name.encode())],
        commit_message=f"Add {name}",
        repo_type="dataset",
        parent_commit=parent,
    )
    return commit.oid


def test_additions_deletions_and_copies_are_one_commit(hub_client: Client, local_hub: LocalHub) -> None:
    def change(repository: str) -> list[list[str]]:
        from huggingface_hub import (
            CommitOperationAdd,
            CommitOperationCopy,
            CommitOperationDelete,
            HfApi,
        )

        api = HfApi()
        api.create_commit(
            repository,
            [
                CommitOperationAdd("new.txt", b"new"),
                CommitOperationDelete("gone.txt"),
                CommitOperationDelete("folder/"),
                CommitOperationCopy("kept.parquet", "copy.parquet"),
                CommitOperationCopy("kept.txt", "copy.txt"),
            ],
            commit_message="Change",
            commit_description="All at once",
            repo_type="dataset",
        )
        log = api.list_repo_commits(repository, repo_type="dataset")
        return [[commit.title, commit.message, *commit.authors] for commit in log]

    names = ["gone.txt", "folder/a.txt", "folder/b/c.parquet", "kept.txt", "kept.parquet"]
    before = hub_client.run(prepare, "ada/data", names)
    local_hub.counters.clear()
    log = hub_client.run(change, "ada/data")
    assert log == [["Change", "All at once", "ada"], ["Begin", "", "ada"], ["initial commit", "", "ada"]]
    on_hub = local_hub.files("ada/data")
    del on_hub[".gitattributes"]
    assert on_hub == {
        "kept.txt": b"kept.txt",
        "kept.parquet": b"kept.parquet",
        "copy.txt": b"kept.txt",
        "copy.parquet": b"kept.parquet",
        "new.txt": b"new",
    }
    assert local_hub.counters.uploads == []  # the hub copies the file in LFS
    assert sorted(local_hub.files("ada/data", before)) == sorted([".gitattributes", *names])


def test_a_commit_on_an_outdated_parent_is_refused(hub_client: Client, local_hub: LocalHub) -> None:
    first = hub_client.run(prepare, "ada/data", ["a.txt"])
    second = hub_client.run(add, "ada/data", "b.txt", first)
    with pytest.raises(ClientFailed, match="A commit has happened since") as failed:
        hub_client.run(add, "ada/data", "c.txt", first)
    assert (failed.value.kind, failed.value.status) == ("HfHubHTTPError", 412)
    assert local_hub.counters.statuses("POST", "/commit/")[-1] == 412  # it was not sent again
    assert sorted(local_hub.files("ada/data")) == [".gitattributes", "a.txt", "b.txt"]
    hub_client.run(add, "ada/data", "c.txt", second)
    assert "c.txt" in local_hub.files("ada/data")


def test_deleting_a_missing_file_refuses_the_whole_commit(hub_client: Client, local_hub: LocalHub) -> None:
    def change(repository: str) -> None:
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

        HfApi().create_commit(
            repository,
            [CommitOperationAdd("new.txt", b"new"), CommitOperationDelete("missing.txt")],
            commit_message="Change",
            repo_type="dataset",
        )

    before = hub_client.run(prepare, "ada/data", ["a.txt"])
    with pytest.raises(ClientFailed, match="A file with this name doesn't exist") as failed:
        hub_client.run(change, "ada/data")
    assert failed.value.status == 404
    assert "EntryNotFoundError" in failed.value.kinds
    assert local_hub.files("ada/data") == local_hub.files("ada/data", before)


class Race(TypedDict):
    won: list[str]
    lost: list[int]


def test_only_one_of_several_commits_on_the_same_parent_succeeds(
    hub_client: Client, local_hub: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow_commit(tree: Tree, parent: Commit | None, title: str, message: str, author: str) -> Commit:
        time.sleep(0.1)  # so the others arrive after the head is read and before it moves
        return new_commit(tree, parent, title, message, author)

    def race(repository: str, parent: str, n_committers: int) -> Race:
        import threading

        from huggingface_hub import CommitOperationAdd, HfApi
        from huggingface_hub.errors import HfHubHTTPError

        result: Race = {"won": [], "lost": []}
        start = threading.Barrier(n_committers)

        def commit(number: int) -> None:
            files = [
                CommitOperationAdd(f"{number}.parquet", b"%d" % number),
                CommitOperationAdd("who", b"%d" % number),
            ]
            start.wait()
            try:
                new = HfApi().create_commit(
                    repository, files, commit_message=f"{number}", repo_type="dataset", parent_commit=parent
                )
                result["won"].append(new.oid)
            except HfHubHTTPError as error:
                result["lost"].append(error.response.status_code)

        threads = [threading.Thread(target=commit, args=(number,)) for number in range(n_committers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return result

    parent = hub_client.run(prepare, "ada/data", ["a.txt"])
    monkeypatch.setattr("tests.doubles.local_hub.endpoints.commits.new_commit", slow_commit)
    result = hub_client.run(race, "ada/data", parent, 4)
    assert result["lost"] == [412, 412, 412]
    repository = local_hub.repositories.get("ada/data")
    assert repository is not None
    head = repository.resolve("main")
    assert result["won"] == [head.oid]
    assert head.parent is repository.resolve(parent)
    winner = local_hub.files("ada/data")["who"].decode()
    assert sorted(head.tree) == sorted([".gitattributes", "a.txt", "who", f"{winner}.parquet"])


def test_a_commit_in_between_is_a_conflict_only_if_a_parent_is_named(
    hub_client: Client, local_hub: LocalHub
) -> None:
    first = hub_client.run(prepare, "ada/data", ["a.txt"])
    commits_of_others: list[str] = []

    def commit_as_another() -> None:
        commits_of_others.append(local_hub.commit("ada/data", {"theirs.txt": b"theirs"}))

    local_hub.faults.precede("POST", "/commit/", commit_as_another)
    with pytest.raises(ClientFailed) as failed:
        hub_client.run(add, "ada/data", "mine.txt", first)
    assert failed.value.status == 412
    assert sorted(local_hub.files("ada/data")) == [".gitattributes", "a.txt", "theirs.txt"]
    local_hub.faults.precede("POST", "/commit/", commit_as_another)
    hub_client.run(add, "ada/data", "mine.txt")  # without a parent, it is made on top of the other commit
    assert len(commits_of_others) == 2
    assert sorted(local_hub.files("ada/data")) == [".gitattributes", "a.txt", "mine.txt", "theirs.txt"]


def test_all_commits_without_a_named_parent_succeed(hub_client: Client, local_hub: LocalHub) -> None:
    def commit_together(repository: str, n_committers: int) -> None:
        from concurrent.futures import ThreadPoolExecutor

        from huggingface_hub import CommitOperationAdd, HfApi

        def commit(number: int) -> None:
            addition = CommitOperationAdd(f"{number}.txt", b"%d" % number)
            HfApi().create_commit(repository, [addition], commit_message=f"{number}", repo_type="dataset")

        with ThreadPoolExecutor(n_committers) as pool:
            list(pool.map(commit, range(n_committers)))

    hub_client.run(prepare, "ada/data", ["a.txt"])
    hub_client.run(commit_together, "ada/data", 6)
    repository = local_hub.repositories.get("ada/data")
    assert repository is not None
    assert len(list(repository.resolve("main").log())) == 8
    assert {f"{number}.txt" for number in range(6)} < set(local_hub.files("ada/data"))


def test_a_reader_never_sees_half_a_commit(hub_client: Client) -> None:
    def list_while_committing(repository: str, n_commits: int, n_files: int) -> list[list[int]]:
        """Return how many files and how many different contents each listing has during the commits."""
        import threading

        from huggingface_hub import CommitOperationAdd, HfApi

        seen: list[list[int]] = []
        stop = threading.Event()

        def read() -> None:
            while not stop.is_set():
                listed = HfApi().list_repo_tree(repository, path_in_repo="files", repo_type="dataset")
                files = [file for file in listed if hasattr(file, "blob_id")]
                seen.append([len(files), len({file.blob_id for file in files})])

        api = HfApi()
        api.create_repo(repository, repo_type="dataset")
        for number in range(n_commits):
            content = b"%d" % number
            files = [CommitOperationAdd(f"files/{name}.txt", content) for name in range(n_files)]
            api.create_commit(repository, files, commit_message=f"{number}", repo_type="dataset")
            if number == 0:
                reader = threading.Thread(target=read)
                reader.start()
        stop.set()
        reader.join()
        return seen

    seen = hub_client.run(list_while_committing, "ada/data", 30, 20)
    assert len(seen) > 5
    assert all(counts == [20, 1] for counts in seen)
