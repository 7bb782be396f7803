"""Uploads of regular files and of files in LFS; content that the hub has is not sent again."""

import hashlib

import pytest

from tests.doubles.local_hub import Client, ClientFailed, LocalHub
from tests.doubles.local_hub.objects import git_oid, lfs_entry

TABLE = b"PAR1" + bytes(range(256)) * 40
SHA256 = hashlib.sha256(TABLE).hexdigest()


def upload(repository: str, files: dict[str, str], message: str = "Add files") -> str:
    from huggingface_hub import CommitOperationAdd, HfApi

    api = HfApi()
    api.create_repo(repository, repo_type="dataset", exist_ok=True)
    # encoded as latin-1, any bytes can be sent as JSON
    additions = [CommitOperationAdd(path, text.encode("latin-1")) for path, text in files.items()]
    return api.create_commit(repository, additions, commit_message=message, repo_type="dataset").oid


def describe(repository: str, paths: list[str]) -> list[list[object]]:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

    files = HfApi().get_paths_info(repository, paths, repo_type="dataset")
    return [
        [file.path, file.size, file.blob_id, [file.lfs.sha256, file.lfs.pointer_size] if file.lfs else None]
        for file in files
        if isinstance(file, RepoFile)
    ]


def test_a_text_is_a_regular_file_and_a_table_goes_to_lfs(hub_client: Client, local_hub: LocalHub) -> None:
    files = {"notes/a.txt": "some text\n", "train/0.parquet": TABLE.decode("latin-1")}
    commit_id = hub_client.run(upload, "ada/data", files)
    on_hub = local_hub.files("ada/data", commit_id)
    assert on_hub["notes/a.txt"] == b"some text\n"
    assert on_hub["train/0.parquet"] == TABLE
    # Only the table was uploaded to LFS.
    (received,) = local_hub.counters.uploads
    assert (received.sha256, received.n_bytes) == (SHA256, len(TABLE))
    text, table = hub_client.run(describe, "ada/data", list(files))
    assert text == ["notes/a.txt", 10, git_oid("blob", b"some text\n"), None]
    pointer = lfs_entry(SHA256, len(TABLE))
    assert table == ["train/0.parquet", len(TABLE), pointer.oid, [SHA256, pointer.pointer_size]]


def test_name_content_and_size_decide_what_goes_to_lfs(hub_client: Client, local_hub: LocalHub) -> None:
    files = {
        "by_name.parquet": "text in a file with such a name",
        "by_content.dat": "a zero byte\0makes it binary",
        "by_size.jsonl": "x" * (10 * 1024 * 1024 + 1),
        "not.jsonl": "x" * 1000,
        "empty.parquet": "",  # the storage does not accept empty files
    }
    hub_client.run(upload, "ada/data", files)
    uploaded = {upload.sha256 for upload in local_hub.counters.uploads}
    in_lfs = {path for path, text in files.items() if hashlib.sha256(text.encode()).hexdigest() in uploaded}
    assert in_lfs == {"by_name.parquet", "by_content.dat", "by_size.jsonl"}
    assert local_hub.files("ada/data")["empty.parquet"] == b""


def test_content_that_the_hub_has_is_not_uploaded_again(hub_client: Client, local_hub: LocalHub) -> None:
    files = {"a.txt": "text", "0.parquet": TABLE.decode("latin-1")}
    first = hub_client.run(upload, "ada/data", files)
    local_hub.counters.clear()
    assert hub_client.run(upload, "ada/data", files) == first  # no change, so the client sends no commit
    assert local_hub.counters.statuses("POST", "/commit/") == []
    assert local_hub.counters.uploads == []
    # The same content under another name is a commit, but no upload.
    copies = {"copy.parquet": TABLE.decode("latin-1"), "b.txt": "text"}
    assert hub_client.run(upload, "ada/data", copies) != first
    assert local_hub.counters.statuses("POST", "/commit/") == [200]
    assert local_hub.counters.uploads == []
    assert sorted(local_hub.files("ada/data")) == [".gitattributes", *sorted({**files, **copies})]


def test_repositories_do_not_share_their_contents(hub_client: Client, local_hub: LocalHub) -> None:
    for name in ("ada/data", "ada/other"):
        hub_client.run(upload, name, {"0.parquet": TABLE.decode("latin-1")})
        assert local_hub.files(name)["0.parquet"] == TABLE
    assert [upload.sha256 for upload in local_hub.counters.uploads] == [SHA256, SHA256]


def test_many_files_need_few_requests(hub_client: Client, local_hub: LocalHub) -> None:
    """Show that clients ask for 256 files at a time how and where to upload them."""
    files = {f"part/{number:03}.parquet": f"table {number}" for number in range(300)}
    hub_client.run(upload, "ada/data", files)
    assert len(local_hub.files("ada/data")) == 301
    assert len(local_hub.counters.uploads) == 300
    assert local_hub.counters.n_uploaded_bytes == sum(len(text) for text in files.values())
    assert local_hub.counters.n_requests == {
        "POST /api/repos/create": 1,
        "POST /api/datasets/{repo}/preupload/{revision}": 2,
        "POST /datasets/{repo}.git/info/lfs/objects/batch": 2,
        "PUT /repos/{uid}/{sha256}": 300,
        "POST /datasets/{repo}.git/info/lfs/objects/verify": 300,
        "POST /api/datasets/{repo}/commit/{revision}": 1,
    }


def test_a_folder_is_uploaded_as_one_commit(hub_client: Client, local_hub: LocalHub) -> None:
    def upload_folder(repository: str) -> str:
        from pathlib import Path

        from huggingface_hub import HfApi

        for name in ("README.md", "codeio/train-0.parquet", "codeio/test-0.parquet", ".codeio/run.json"):
            Path("made", name).parent.mkdir(parents=True, exist_ok=True)
            Path("made", name).write_text(f"---\nlicense: mit\n---\n{name}")
        api = HfApi()
        api.create_repo(repository, repo_type="dataset")
        commit = api.upload_folder(
            repo_id=repository, folder_path="made", repo_type="dataset", ignore_patterns=".codeio/*"
        )
        return commit.oid

    commit_id = hub_client.run(upload_folder, "ada/data")
    on_hub = local_hub.files("ada/data", commit_id)
    assert sorted(on_hub) == [
        ".gitattributes",
        "README.md",
        "codeio/test-0.parquet",
        "codeio/train-0.parquet",
    ]
    assert local_hub.counters.statuses("POST", "/commit/") == [200]


@pytest.mark.parametrize(
    ("head", "message"),
    [("license: my-own", "license"), ("configs:\n- data_files: x", "config_name"), ("a: [1", "expected")],
)
def test_an_invalid_card_is_refused_before_any_upload(
    hub_client: Client, local_hub: LocalHub, head: str, message: str
) -> None:
    files = {"README.md": f"---\n{head}\n---\n# Data\n", "0.parquet": "table"}
    with pytest.raises(ClientFailed, match=message) as failed:
        hub_client.run(upload, "ada/data", files)
    assert failed.value.kind == "ValueError"
    # The card is checked before anything is sent.
    assert local_hub.counters.uploads == []
    assert list(local_hub.files("ada/data")) == [".gitattributes"]


def test_an_upload_needs_write_access(hub_client: Client, local_hub: LocalHub) -> None:
    hub_client.run(upload, "ada/data", {"a.txt": "mine"})
    for token in ("hf_ada_reads", "hf_bob"):
        hub_client.login(token)
        with pytest.raises(ClientFailed) as failed:
            hub_client.run(upload, "ada/data", {"a.txt": "theirs"})
        assert failed.value.status == 403
    assert local_hub.files("ada/data")["a.txt"] == b"mine"
