"""Branches, tags and pull requests."""

from typing import TypedDict

import pytest

from tests.doubles.local_hub import Client, ClientFailed, LocalHub


def prepare(repository: str) -> str:
    from huggingface_hub import HfApi

    api = HfApi()
    api.create_repo(repository, repo_type="dataset")
    return api.upload_file(
        path_or_fileobj=b"first", path_in_repo="a.txt", repo_id=repository, repo_type="dataset"
    ).oid


def upload(repository: str, text: str, revision: str | None = None) -> str:
    from huggingface_hub import HfApi

    return (
        HfApi()
        .upload_file(
            path_or_fileobj=text.encode(),
            path_in_repo="a.txt",
            repo_id=repository,
            repo_type="dataset",
            revision=revision,
        )
        .oid
    )


def refs(repository: str) -> dict[str, str]:
    from huggingface_hub import HfApi

    refs = HfApi().list_repo_refs(repository, repo_type="dataset", include_pull_requests=True)
    every_ref = [*refs.branches, *refs.tags, *refs.converts, *(refs.pull_requests or [])]
    return {ref.ref: ref.target_commit for ref in every_ref}


def tag(repository: str, name: str, revision: str | None = None, exist_ok: bool = False) -> None:
    from huggingface_hub import HfApi

    HfApi().create_tag(
        repository,
        tag=name,
        tag_message="A version",
        revision=revision,
        exist_ok=exist_ok,
        repo_type="dataset",
    )


def delete_tag(repository: str, name: str) -> None:
    from huggingface_hub import HfApi

    HfApi().delete_tag(repository, tag=name, repo_type="dataset")


def branch(repository: str, name: str, revision: str | None = None, exist_ok: bool = False) -> None:
    from huggingface_hub import HfApi

    HfApi().create_branch(repository, branch=name, revision=revision, exist_ok=exist_ok, repo_type="dataset")


def delete_branch(repository: str, name: str) -> None:
    from huggingface_hub import HfApi

    HfApi().delete_branch(repository, branch=name, repo_type="dataset")


def test_a_tag_does_not_move_with_its_branch(hub_client: Client, local_hub: LocalHub) -> None:
    first = hub_client.run(prepare, "ada/data")
    hub_client.run(tag, "ada/data", "v1.0.0")
    second = hub_client.run(upload, "ada/data", "second")
    hub_client.run(tag, "ada/data", "v0.9.0", first[:8])
    assert hub_client.run(refs, "ada/data") == {
        "refs/heads/main": second,
        "refs/tags/v0.9.0": first,
        "refs/tags/v1.0.0": first,
    }
    assert local_hub.files("ada/data", "v1.0.0")["a.txt"] == b"first"
    with pytest.raises(ClientFailed, match="exists already") as failed:
        hub_client.run(tag, "ada/data", "v1.0.0")
    assert failed.value.status == 409
    hub_client.run(tag, "ada/data", "v1.0.0", None, True)  # succeeds, and does not move the tag
    assert hub_client.run(refs, "ada/data")["refs/tags/v1.0.0"] == first
    hub_client.run(delete_tag, "ada/data", "v1.0.0")
    hub_client.run(tag, "ada/data", "v1.0.0")
    assert hub_client.run(refs, "ada/data")["refs/tags/v1.0.0"] == second


def test_an_impossible_tag_is_refused(hub_client: Client) -> None:
    hub_client.run(prepare, "ada/data")
    for name in ("two words", "a..b", "-v1", "refs/tags/v1", "v1.lock"):
        with pytest.raises(ClientFailed, match="Invalid reference for a tag") as failed:
            hub_client.run(tag, "ada/data", name)
        assert (failed.value.kind, failed.value.status) == ("BadRequestError", 400)
    with pytest.raises(ClientFailed, match="Invalid rev id: missing") as failed:
        hub_client.run(tag, "ada/data", "v1", "missing")
    assert (failed.value.kind, failed.value.status) == ("RevisionNotFoundError", 404)
    with pytest.raises(ClientFailed) as failed:
        hub_client.run(delete_tag, "ada/data", "v1")
    assert failed.value.kind == "RevisionNotFoundError"
    with pytest.raises(ClientFailed) as failed:
        hub_client.run(tag, "ada/missing", "v1")
    assert failed.value.kind == "RepositoryNotFoundError"


def test_a_commit_to_a_tag_is_refused(hub_client: Client) -> None:
    hub_client.run(prepare, "ada/data")
    hub_client.run(tag, "ada/data", "v1")
    for revision in ("v1", "refs/tags/v1"):
        with pytest.raises(ClientFailed) as failed:
            hub_client.run(upload, "ada/data", "second", revision)
        assert failed.value.kind == "RevisionNotFoundError"


def test_a_branch_can_be_created_committed_to_and_deleted(hub_client: Client, local_hub: LocalHub) -> None:
    first = hub_client.run(prepare, "ada/data")
    hub_client.run(branch, "ada/data", "next/try")  # the slash is percent-encoded in the address
    second = hub_client.run(upload, "ada/data", "second", "next/try")
    assert local_hub.files("ada/data")["a.txt"] == b"first"
    assert local_hub.files("ada/data", "next/try")["a.txt"] == b"second"
    hub_client.run(branch, "ada/data", "later", "next/try")
    assert hub_client.run(refs, "ada/data") == {
        "refs/heads/main": first,
        "refs/heads/next/try": second,
        "refs/heads/later": second,
    }
    with pytest.raises(ClientFailed, match="Reference already exists") as failed:
        hub_client.run(branch, "ada/data", "later")
    assert failed.value.status == 409
    hub_client.run(branch, "ada/data", "later", None, True)
    hub_client.run(delete_branch, "ada/data", "later")
    with pytest.raises(ClientFailed, match="Invalid rev id"):
        hub_client.run(delete_branch, "ada/data", "later")
    with pytest.raises(ClientFailed, match="Cannot delete refs/heads/main") as failed:
        hub_client.run(delete_branch, "ada/data", "main")
    assert failed.value.status == 403
    with pytest.raises(ClientFailed, match="Invalid reference for a branch: refs/pr/5") as failed:
        hub_client.run(branch, "ada/data", "refs/pr/5")
    assert failed.value.kind == "BadRequestError"
    assert hub_client.run(refs, "ada/data") == {"refs/heads/main": first, "refs/heads/next/try": second}


class PullRequestCommit(TypedDict):
    oid: str
    revision: str | None
    number: int | None
    url: str | None


def commit_as_pull_request(repository: str, text: str, parent: str | None = None) -> PullRequestCommit:
    from huggingface_hub import CommitOperationAdd, HfApi

    commit = HfApi().create_commit(
        repository,
        [CommitOperationAdd("a.txt", text.encode()), CommitOperationAdd("a.parquet", text.encode())],
        commit_message="A proposal",
        repo_type="dataset",
        create_pr=True,
        parent_commit=parent,
    )
    return {"oid": commit.oid, "revision": commit.pr_revision, "number": commit.pr_num, "url": commit.pr_url}


def test_a_commit_can_open_a_pull_request(hub_client: Client, local_hub: LocalHub) -> None:
    first = hub_client.run(prepare, "ada/data")
    proposal = hub_client.run(commit_as_pull_request, "ada/data", "second")
    assert proposal == {
        "oid": proposal["oid"],
        "revision": "refs/pr/1",
        "number": 1,
        "url": f"{local_hub.url}/datasets/ada/data/discussions/1",
    }
    assert hub_client.run(refs, "ada/data") == {"refs/heads/main": first, "refs/pr/1": proposal["oid"]}
    assert local_hub.files("ada/data")["a.txt"] == b"first"
    assert local_hub.files("ada/data", "refs/pr/1")["a.txt"] == b"second"
    # Another commit can be added to the pull request.
    third = hub_client.run(upload, "ada/data", "third", "refs/pr/1")
    assert hub_client.run(refs, "ada/data") == {"refs/heads/main": first, "refs/pr/1": third}


def test_a_pull_request_can_start_from_an_earlier_commit(hub_client: Client, local_hub: LocalHub) -> None:
    first = hub_client.run(prepare, "ada/data")
    hub_client.run(upload, "ada/data", "second")
    # A commit to main with this parent would be refused with a 412.
    proposal = hub_client.run(commit_as_pull_request, "ada/data", "third", first)
    repository = local_hub.repositories.get("ada/data")
    assert repository is not None
    assert repository.resolve(proposal["oid"]).parent is repository.resolve(first)


def test_any_account_may_open_a_pull_request(hub_client: Client, local_hub: LocalHub) -> None:
    first = hub_client.run(prepare, "ada/data")
    hub_client.login("hf_bob")
    with pytest.raises(ClientFailed) as failed:
        hub_client.run(upload, "ada/data", "theirs")
    assert failed.value.status == 403
    proposal = hub_client.run(commit_as_pull_request, "ada/data", "theirs")
    assert hub_client.run(refs, "ada/data") == {"refs/heads/main": first, "refs/pr/1": proposal["oid"]}
    assert len(local_hub.counters.uploads) == 1


def test_pull_requests_are_listed_newest_first(hub_client: Client, local_hub: LocalHub) -> None:
    def list_pull_requests(repository: str, kind: str, status: str) -> list[object]:
        from huggingface_hub import HfApi

        discussions = HfApi().get_repo_discussions(
            repository, repo_type="dataset", discussion_type=kind, discussion_status=status
        )
        return [[each.num, each.title, each.git_reference, each.url, each.author] for each in discussions]

    hub_client.run(prepare, "ada/data")
    local_hub.page_size = 2
    for text in "abc":
        hub_client.run(commit_as_pull_request, "ada/data", text)
    assert hub_client.run(list_pull_requests, "ada/data", "pull_request", "open") == [
        [n, "A proposal", f"refs/pr/{n}", f"{local_hub.url}/datasets/ada/data/discussions/{n}", "ada"]
        for n in (3, 2, 1)
    ]
    assert hub_client.run(list_pull_requests, "ada/data", "discussion", "open") == []
    assert hub_client.run(list_pull_requests, "ada/data", "pull_request", "closed") == []


def test_a_pull_request_can_be_opened_without_a_commit(hub_client: Client) -> None:
    def open_pull_request(repository: str, title: str) -> list[object]:
        from huggingface_hub import HfApi

        pull_request = HfApi().create_pull_request(
            repository, title=title, description="Why", repo_type="dataset"
        )
        events = [[event.type, getattr(event, "content", None)] for event in pull_request.events]
        return [
            pull_request.num,
            pull_request.title,
            pull_request.status,
            pull_request.author,
            pull_request.git_reference,
            pull_request.target_branch,
            events,
        ]

    first = hub_client.run(prepare, "ada/data")
    fields = hub_client.run(open_pull_request, "ada/data", "A new version")
    assert fields == [
        *(1, "A new version", "draft", "ada", "refs/pr/1", "refs/heads/main"),
        [["comment", "Why"]],
    ]
    assert hub_client.run(refs, "ada/data") == {"refs/heads/main": first, "refs/pr/1": first}
    assert hub_client.run(commit_as_pull_request, "ada/data", "second")["number"] == 2
    with pytest.raises(ClientFailed) as failed:
        hub_client.run(open_pull_request, "ada/data", "A")
    assert failed.value.kind == "BadRequestError"
