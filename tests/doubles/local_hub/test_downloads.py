"""Downloads: redirects, ETags, ranges, and the clients' caches."""

import hashlib
import http.client
from pathlib import Path
from typing import TypedDict

import pytest

from tests.doubles.local_hub import Client, ClientFailed, LocalHub
from tests.doubles.local_hub.objects import git_oid

TABLE = bytes(range(256)) * 1000
SHA256 = hashlib.sha256(TABLE).hexdigest()
TEXT = b"some text"


def prepare(repository: str, private: bool = False) -> str:
    from huggingface_hub import CommitOperationAdd, HfApi

    api = HfApi()
    api.create_repo(repository, repo_type="dataset", private=private)
    additions = [
        CommitOperationAdd("some folder/a.txt", b"some text"),
        CommitOperationAdd("a.parquet", bytes(range(256)) * 1000),
        CommitOperationAdd("empty.txt", b""),
    ]
    return api.create_commit(repository, additions, commit_message="Begin", repo_type="dataset").oid


def download(repository: str, path: str, revision: str | None = None) -> list[str]:
    """Return the path of the downloaded file and the sha256 of its content."""
    import hashlib
    from pathlib import Path

    from huggingface_hub import HfApi

    file = HfApi().hf_hub_download(repository, path, revision=revision, repo_type="dataset")
    return [file, hashlib.sha256(Path(file).read_bytes()).hexdigest()]


def request(hub: LocalHub, method: str, path: str, **headers: str) -> http.client.HTTPResponse:
    """Send a request without a client; return the reply before its body is read."""
    connection = http.client.HTTPConnection(hub.url.removeprefix("http://"), timeout=10)
    connection.request(
        method, path, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )
    return connection.getresponse()


class Metadata(TypedDict):
    commit_id: str | None
    etag: str | None
    size: int | None
    location: str


def metadata(repository: str, path: str) -> Metadata:
    from huggingface_hub import HfApi, hf_hub_url

    metadata = HfApi().get_hf_file_metadata(url=hf_hub_url(repository, path, repo_type="dataset"))
    return {
        "commit_id": metadata.commit_hash,
        "etag": metadata.etag,
        "size": metadata.size,
        "location": metadata.location,
    }


@pytest.mark.parametrize("is_private", [False, True])
def test_metadata_has_the_commit_etag_size_and_location_of_a_file(
    hub_client: Client, local_hub: LocalHub, is_private: bool
) -> None:
    commit_id = hub_client.run(prepare, "ada/data", is_private)
    text = hub_client.run(metadata, "ada/data", "some folder/a.txt")
    assert text["location"].startswith(local_hub.url)
    assert ("/api/resolve-cache/" in text["location"]) is not is_private
    assert text == {**text, "commit_id": commit_id, "etag": git_oid("blob", TEXT), "size": len(TEXT)}
    table = hub_client.run(metadata, "ada/data", "a.parquet")
    assert table == {**table, "commit_id": commit_id, "etag": SHA256, "size": len(TABLE)}
    # The location is on another origin, from which clients must not request metadata or send it a token.
    assert table["location"].startswith(local_hub.storage_url)
    assert local_hub.storage_url != local_hub.url
    empty = hub_client.run(metadata, "ada/data", "empty.txt")
    assert (empty["etag"], empty["size"]) == (git_oid("blob", b""), 0)


@pytest.mark.parametrize("is_private", [False, True])
def test_downloads_are_cached_by_etag(hub_client: Client, local_hub: LocalHub, is_private: bool) -> None:
    commit_id = hub_client.run(prepare, "ada/data", is_private)
    for path, content, etag in (
        ("some folder/a.txt", TEXT, git_oid("blob", TEXT)),
        ("a.parquet", TABLE, SHA256),
    ):
        local_hub.counters.clear()
        file, digest = hub_client.run(download, "ada/data", path)
        assert f"snapshots/{commit_id}/" in file
        assert digest == hashlib.sha256(content).hexdigest()
        blob = Path(file).parents[len(Path(path).parts) + 1] / "blobs" / etag
        assert blob.read_bytes() == content
        assert local_hub.counters.statuses("GET", ".") == [200]
        local_hub.counters.clear()
        assert hub_client.run(download, "ada/data", path) == [file, digest]
        assert hub_client.run(download, "ada/data", path, commit_id) == [file, digest]
        assert local_hub.counters.statuses("GET", ".") == []


def test_a_snapshot_has_all_files_and_is_cached(hub_client: Client, local_hub: LocalHub) -> None:
    def snapshot(repository: str, revision: str) -> dict[str, str]:
        import hashlib
        from pathlib import Path

        from huggingface_hub import HfApi

        root = Path(HfApi().snapshot_download(repository, revision=revision, repo_type="dataset"))
        files = [path for path in root.rglob("*") if path.is_file()]
        return {
            path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
        }

    commit_id = hub_client.run(prepare, "ada/data")
    hashes = {
        path: hashlib.sha256(content).hexdigest() for path, content in local_hub.files("ada/data").items()
    }
    assert hub_client.run(snapshot, "ada/data", "main") == hashes
    local_hub.counters.clear()
    assert hub_client.run(snapshot, "ada/data", commit_id) == hashes
    assert local_hub.counters.statuses("GET", "/(resolve|resolve-cache|repos)/") == []


def test_a_missing_file_revision_or_repository_is_an_error(hub_client: Client) -> None:
    def is_cached_as_missing(repository: str, path: str, commit_id: str) -> bool:
        from huggingface_hub import _CACHED_NO_EXIST, try_to_load_from_cache

        cached = try_to_load_from_cache(repository, path, revision=commit_id, repo_type="dataset")
        return cached is _CACHED_NO_EXIST

    commit_id = hub_client.run(prepare, "ada/data")
    for arguments, kind in (
        (("ada/data", "missing.txt"), "EntryNotFoundError"),
        (("ada/data", "a.parquet", "missing"), "RevisionNotFoundError"),
        (("ada/missing", "a.parquet"), "RepositoryNotFoundError"),
    ):
        with pytest.raises(ClientFailed) as failed:
            hub_client.run(download, *arguments)
        assert kind in failed.value.kinds
        assert failed.value.status == 404
    assert hub_client.run(is_cached_as_missing, "ada/data", "missing.txt", commit_id)
    hub_client.login(None)
    with pytest.raises(ClientFailed) as failed:
        hub_client.run(download, "ada/missing", "a.parquet")
    assert ("RepositoryNotFoundError" in failed.value.kinds, failed.value.status) == (True, 401)


def test_a_private_file_needs_a_token_or_a_signed_address(hub_client: Client, local_hub: LocalHub) -> None:
    hub_client.run(prepare, "ada/data", True)
    hub_client.login("hf_bob")
    for path in ("a.parquet", "some folder/a.txt"):
        with pytest.raises(ClientFailed) as failed:
            hub_client.run(download, "ada/data", path)
        assert "RepositoryNotFoundError" in failed.value.kinds
    repository = local_hub.repositories.get("ada/data")
    assert repository is not None
    address = f"/repos/{repository.uid}/{SHA256}"
    assert request(local_hub, "GET", address).status == 403
    assert request(local_hub, "GET", f"{address}?signature=0000").status == 403
    signed = local_hub.signed_url(repository, SHA256).removeprefix(local_hub.storage_url)
    assert request(local_hub, "GET", signed).read() == TABLE
    # The storage refuses a request with a token, as the storage behind the Hub does.
    assert request(local_hub, "GET", signed, Authorization="Bearer hf_ada").status == 400


@pytest.mark.parametrize(
    ("range_header", "status", "first", "last"),
    [
        ("bytes=0-0", 206, 0, 0),
        ("bytes=10-19", 206, 10, 19),
        ("bytes=255990-", 206, 255_990, 255_999),
        ("bytes=255990-999999", 206, 255_990, 255_999),
        ("bytes=-10", 206, 255_990, 255_999),
        ("bytes=-999999", 206, 0, 255_999),
        ("bytes=0-1,5-6", 200, 0, 255_999),  # a server may answer several ranges with the whole file
        ("lines=1-2", 200, 0, 255_999),
    ],
)
def test_a_range_request_returns_that_part_of_the_file(
    local_hub: LocalHub, range_header: str, status: int, first: int, last: int
) -> None:
    repository = local_hub.repositories.create("ada", "data", False, "ada", "")
    repository.objects.store_upload([TABLE], SHA256)
    signed = local_hub.signed_url(repository, SHA256).removeprefix(local_hub.storage_url)
    reply = request(local_hub, "GET", signed, Range=range_header)
    assert reply.status == status
    assert reply.read() == TABLE[first : last + 1]
    assert reply.headers["Content-Range"] == (f"bytes {first}-{last}/256000" if status == 206 else None)
    assert reply.headers["ETag"] == f'"{SHA256}"'


def test_a_range_past_the_end_is_a_416_and_a_matching_etag_a_304(local_hub: LocalHub) -> None:
    repository = local_hub.repositories.create("ada", "data", False, "ada", "")
    repository.objects.store_upload([TABLE], SHA256)
    signed = local_hub.signed_url(repository, SHA256).removeprefix(local_hub.storage_url)
    reply = request(local_hub, "GET", signed, Range="bytes=256000-")
    assert (reply.status, reply.headers["Content-Range"], reply.read()) == (416, "bytes */256000", b"")
    assert request(local_hub, "GET", signed, If_None_Match=f'"{SHA256}"').status == 304
    assert request(local_hub, "GET", signed, If_None_Match='"other"').status == 200
