"""Faults on demand: which requests clients retry, which errors they raise, and what the hub then holds.

Whether a client retries depends on the endpoint, not on the fault: it retries uploads and queries, but not
commits and new refs.
"""

import hashlib
import socket

import pytest

from tests.doubles.local_hub import Client, ClientFailed, LocalHub

TABLE = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(TABLE).hexdigest()


def create(repository: str) -> None:
    from huggingface_hub import HfApi

    HfApi().create_repo(repository, repo_type="dataset")


def upload(repository: str, parent: str | None = None) -> str:
    """Commit a table, which goes to LFS, and a text file; return the id of the commit."""
    from huggingface_hub import CommitOperationAdd, HfApi

    operations = [
        CommitOperationAdd("a.parquet", bytes(range(256)) * 4000),
        CommitOperationAdd("a.txt", b"some text" * 1000),
    ]
    commit = HfApi().create_commit(
        repository, operations, commit_message="Add", repo_type="dataset", parent_commit=parent
    )
    return commit.oid


def seconds_to_upload(repository: str) -> float:
    import time

    from huggingface_hub import HfApi

    start = time.monotonic()
    HfApi().upload_file(path_or_fileobj=b"x", path_in_repo="x", repo_id=repository, repo_type="dataset")
    return time.monotonic() - start


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/preupload/"), ("POST", "/objects/batch"), ("PUT", "/repos/")]
)
def test_a_refused_upload_is_retried(
    hub_client: Client, local_hub: LocalHub, method: str, path: str, status: int
) -> None:
    hub_client.run(create, "ada/data")
    local_hub.faults.refuse(method, path, status)
    hub_client.run(upload, "ada/data")
    assert local_hub.counters.statuses(method, path) == [status, 200]
    assert local_hub.files("ada/data")["a.parquet"] == TABLE
    assert [upload.sha256 for upload in local_hub.counters.uploads] == [SHA256]


def test_a_forbidden_upload_raises_an_error_without_a_status(hub_client: Client, local_hub: LocalHub) -> None:
    """Show that the caller gets an error without a status; only its cause has the status."""
    hub_client.run(create, "ada/data")
    before = local_hub.files("ada/data")
    local_hub.faults.refuse("PUT", "/repos/", 403)
    with pytest.raises(ClientFailed, match=r"Error while uploading 'a\.parquet'") as failed:
        hub_client.run(upload, "ada/data")
    assert (failed.value.kind, failed.value.status) == ("RuntimeError", None)
    assert "HfHubHTTPError" in str(failed.value)
    assert local_hub.counters.statuses("PUT", "/repos/") == [403]
    assert local_hub.counters.statuses("POST", "/commit/") == []
    assert local_hub.files("ada/data") == before


def test_a_client_waits_as_long_as_retry_after_says(hub_client: Client, local_hub: LocalHub) -> None:
    hub_client.run(create, "ada/data")
    local_hub.faults.refuse("POST", "/preupload/", 429, retry_after_s=2)
    assert hub_client.run(seconds_to_upload, "ada/data") > 3  # the client adds one second
    assert local_hub.counters.statuses("POST", "/preupload/") == [429, 200]
    local_hub.faults.refuse("POST", "/preupload/", 429)  # without Retry-After, it waits one second
    assert 1 < hub_client.run(seconds_to_upload, "ada/data") < 3


@pytest.mark.parametrize("status", [409, 412, 429, 500])
def test_a_refused_commit_is_not_retried(hub_client: Client, local_hub: LocalHub, status: int) -> None:
    hub_client.run(create, "ada/data")
    before = local_hub.files("ada/data")
    local_hub.faults.refuse("POST", "/commit/", status)
    with pytest.raises(ClientFailed) as failed:
        hub_client.run(upload, "ada/data")
    assert (failed.value.kind, failed.value.status) == ("HfHubHTTPError", status)
    assert local_hub.counters.statuses("POST", "/commit/") == [status]
    assert local_hub.files("ada/data") == before
    # The hub keeps the uploaded file, so a second attempt does not send it again.
    hub_client.run(upload, "ada/data")
    assert len(local_hub.counters.uploads) == 1
    assert local_hub.files("ada/data")["a.parquet"] == TABLE


def test_a_refused_repository_or_tag_is_not_retried(hub_client: Client, local_hub: LocalHub) -> None:
    def tag(repository: str) -> None:
        from huggingface_hub import HfApi

        HfApi().create_tag(repository, tag="v1", repo_type="dataset")

    local_hub.faults.refuse("POST", "/api/repos/create", 500)
    with pytest.raises(ClientFailed) as failed:
        hub_client.run(create, "ada/data")
    assert failed.value.status == 500
    hub_client.run(create, "ada/data")
    local_hub.faults.refuse("POST", "/tag/", 429)
    with pytest.raises(ClientFailed) as failed:
        hub_client.run(tag, "ada/data")
    assert failed.value.status == 429
    hub_client.run(tag, "ada/data")


@pytest.mark.parametrize("n_bytes", [0, 1, 500_000])
def test_an_interrupted_upload_is_sent_again(hub_client: Client, local_hub: LocalHub, n_bytes: int) -> None:
    hub_client.run(create, "ada/data")
    local_hub.faults.drop("PUT", "/repos/", n_bytes)
    hub_client.run(upload, "ada/data")
    assert local_hub.counters.statuses("PUT", "/repos/") == [None, 200]
    (received,) = local_hub.counters.uploads
    assert (received.sha256, received.n_bytes) == (SHA256, len(TABLE))
    assert local_hub.files("ada/data")["a.parquet"] == TABLE


def test_an_incomplete_or_wrong_upload_leaves_no_file(local_hub: LocalHub) -> None:
    repository = local_hub.repositories.create("ada", "data", False, "ada", "")
    folder = repository.objects.path(repository.resolve("main").tree[".gitattributes"]).parent
    before = sorted(folder.iterdir())
    address = local_hub.signed_url(repository, SHA256).removeprefix(local_hub.storage_url)
    head = f"PUT {address} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(TABLE)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", int(local_hub.url.rpartition(":")[2]))) as connection:
        connection.sendall(head.encode() + TABLE[:-1])
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100) == b""  # the connection was closed without a reply
    assert repository.objects.find_lfs(SHA256) is None
    assert sorted(folder.iterdir()) == before
    assert local_hub.counters.uploads == []
    # A complete upload with different content is refused.
    wrong = head.encode() + TABLE[:-1] + b"?"
    with socket.create_connection(("127.0.0.1", int(local_hub.url.rpartition(":")[2]))) as connection:
        connection.sendall(wrong)
        assert connection.recv(100).startswith(b"HTTP/1.1 400 ")
    assert sorted(folder.iterdir()) == before


def test_an_interrupted_commit_changes_nothing(hub_client: Client, local_hub: LocalHub) -> None:
    hub_client.run(create, "ada/data")
    before = local_hub.files("ada/data")
    local_hub.faults.drop("POST", "/commit/", 5000)
    with pytest.raises(ClientFailed) as failed:
        hub_client.run(upload, "ada/data")
    assert failed.value.status is None
    assert {"NetworkError", "RemoteProtocolError"} & set(failed.value.kinds)
    assert local_hub.counters.statuses("POST", "/commit/") == [None]
    assert local_hub.files("ada/data") == before


def test_a_commit_exists_even_if_its_reply_is_lost(hub_client: Client, local_hub: LocalHub) -> None:
    hub_client.run(create, "ada/data")
    repository = local_hub.repositories.get("ada/data")
    assert repository is not None
    parent = repository.resolve("main").oid
    local_hub.faults.lose_reply("POST", "/commit/")
    with pytest.raises(ClientFailed) as failed:
        hub_client.run(upload, "ada/data", parent)
    assert {"NetworkError", "RemoteProtocolError"} & set(failed.value.kinds)
    commit_id = repository.resolve("main").oid
    assert commit_id != parent
    # In a second attempt no file has changed, so the client sends no commit.
    assert hub_client.run(upload, "ada/data", parent) == commit_id
    assert local_hub.counters.statuses("POST", "/commit/") == [None]


def test_an_interrupted_download_is_continued(hub_client: Client, local_hub: LocalHub) -> None:
    def download(repository: str) -> str:
        import hashlib
        from pathlib import Path

        from huggingface_hub import HfApi

        file = HfApi().hf_hub_download(repository, "a.parquet", repo_type="dataset")
        return hashlib.sha256(Path(file).read_bytes()).hexdigest()

    hub_client.run(create, "ada/data")
    hub_client.run(upload, "ada/data")
    local_hub.counters.clear()
    local_hub.faults.lose_reply("GET", "/repos/", 10_000)
    assert hub_client.run(download, "ada/data") == SHA256
    assert local_hub.counters.statuses("GET", "/repos/") in ([None, 206], [None, 200])


def test_a_hub_has_the_same_contents_after_a_restart(hub_client: Client, local_hub: LocalHub) -> None:
    hub_client.run(create, "ada/data")
    commit_id = hub_client.run(upload, "ada/data")
    local_hub.stop()
    with pytest.raises(ClientFailed) as failed:
        hub_client.run(create, "ada/other")
    assert failed.value.kind == "ConnectError"
    local_hub.start()
    assert hub_client.run(upload, "ada/data") == commit_id
