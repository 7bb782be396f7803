"""Requests that no client sends are refused with a 4xx; they change nothing and cause no crash."""

import http.client
import json
import socket
from typing import Any

import pytest

from tests.doubles.local_hub import LocalHub
from tests.doubles.local_hub.history import Repository

HEADER = {"key": "header", "value": {"summary": "Change", "description": ""}}
SHA256 = "0" * 64


@pytest.fixture
def repository(local_hub: LocalHub) -> Repository:
    return local_hub.repositories.create("ada", "data", False, "ada", "")


def send(
    hub: LocalHub, method: str, path: str, body: bytes = b"", token: str | None = "hf_ada", **headers: str
) -> tuple[int, Any]:
    """Send a request; return the status and the JSON of the reply."""
    connection = http.client.HTTPConnection(hub.url.removeprefix("http://"), timeout=10)
    sent_headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if token:
        sent_headers["Authorization"] = f"Bearer {token}"
    try:
        connection.request(method, path, body, sent_headers)
        reply = connection.getresponse()
        return reply.status, json.loads(reply.read() or b"null")
    finally:
        connection.close()


def commit(hub: LocalHub, *lines: Any, revision: str = "main") -> tuple[int, Any]:
    body = b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    path = f"/api/datasets/ada/data/commit/{revision}"
    return send(hub, "POST", path, body, Content_Type="application/x-ndjson")


def addition(path: Any, content: Any = "eA==", **more: Any) -> dict[str, Any]:
    return {"key": "file", "value": {"path": path, "content": content, "encoding": "base64", **more}}


def test_a_valid_commit_is_accepted(local_hub: LocalHub, repository: Repository) -> None:
    """Show that `commit` can succeed; if it never could, the tests below would prove nothing."""
    assert commit(local_hub, HEADER, addition("a.txt"))[0] == 200
    assert local_hub.files("ada/data")["a.txt"] == b"x"


@pytest.mark.parametrize(
    "path",
    [
        *("", "/", ".", "..", "../a", "a/../b", "a/..", "/a", "a//b", "a/", "./a", "a/./b"),
        *(".git/config", "a/.GIT/config", "a\0b", "a\nb", "\x7f"),
        *(None, 1, ["a"], {"a": 1}),
    ],
)
def test_an_invalid_path_is_refused(local_hub: LocalHub, repository: Repository, path: Any) -> None:
    head = repository.resolve("main")
    status, answer = commit(local_hub, HEADER, addition("good.txt"), addition(path))
    assert status == 400
    assert answer["error"]
    status, _ = commit(local_hub, HEADER, {"key": "lfsFile", "value": {"path": path, "oid": SHA256}})
    assert status == 400
    assert repository.resolve("main") is head


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [b"not json"],
        [b"[1, 2]"],
        [b"\xff\xfe"],
        [b"[" * 100_000],
        [addition("a.txt")],
        [HEADER, HEADER],
        [HEADER, b'{"key": "file"'],
        [HEADER, {"key": "file"}],
        [HEADER, {"key": "file", "value": None}],
        [HEADER, {"key": "file", "value": {"path": "a.txt"}}],
        [HEADER, {"key": "renamedFile", "value": {"path": "a.txt"}}],
        [HEADER, addition("a.txt", content="not base64!")],
        [HEADER, addition("a.txt", content="é")],
        [HEADER, addition("a.txt", content=5)],
        [HEADER, addition("a.txt", encoding="rot13")],
        [HEADER, addition("a.txt"), addition("a.txt/b.txt")],
        [HEADER, {"key": "lfsFile", "value": {"path": "a.bin", "oid": SHA256}}],
        [HEADER, {"key": "lfsFile", "value": {"path": "a.bin", "oid": "../../../etc/passwd"}}],
        [HEADER, {"key": "lfsFile", "value": {"path": "a.bin"}}],
        [HEADER, addition("\ud800.txt")],
        [HEADER, addition("a.txt", content="\ud800", encoding="utf-8")],
        [{"key": "header", "value": {"summary": "\ud800"}}],
        [{"key": "header", "value": {}}],
        [{"key": "header", "value": {"summary": ""}}],
        [{"key": "header", "value": {"summary": 5}}],
        [{"key": "header", "value": {"summary": "Change", "parentCommit": "main"}}],
        [{"key": "header", "value": {"summary": "Change", "parentCommit": 5}}],
    ],
)
def test_an_invalid_commit_is_refused(local_hub: LocalHub, repository: Repository, lines: list[Any]) -> None:
    head = repository.resolve("main")
    status, answer = commit(local_hub, *lines)
    assert status == 400
    assert answer["error"]
    assert repository.resolve("main") is head


def test_a_commit_to_a_missing_branch_is_refused(local_hub: LocalHub, repository: Repository) -> None:
    for revision in ("missing", "refs%2Fpr%2F1", repository.resolve("main").oid, "%00", "..%2F.."):
        status, answer = commit(local_hub, HEADER, addition("a.txt"), revision=revision)
        assert (status, answer["error"][:14]) == (404, "Invalid rev id")
    body = json.dumps(HEADER).encode()
    assert send(local_hub, "POST", "/api/datasets/ada/data/commit/main", body)[0] == 400  # not sent as NDJSON
    assert list(local_hub.files("ada/data")) == [".gitattributes"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/repos/create", b""),
        ("POST", "/api/repos/create", b"[]"),
        ("POST", "/api/repos/create", b'{"type": "dataset"}'),
        ("POST", "/api/repos/create", b'{"type": "dataset", "name": 5}'),
        ("POST", "/api/repos/create", b'{"type": "dataset", "name": ".."}'),
        ("POST", "/api/repos/create", b'{"type": "dataset", "name": "../../up"}'),
        ("POST", "/api/repos/create", b'{"type": "dataset", "name": "a/b"}'),
        ("POST", "/api/repos/create", b'{"type": "dataset", "name": "a.git"}'),
        ("POST", "/api/repos/create", b'{"type": "dataset", "name": ""}'),
        ("POST", "/api/repos/create", b'{"type": "model", "name": "a"}'),
        ("DELETE", "/api/repos/delete", b'{"type": "dataset"}'),
        ("PUT", "/api/datasets/ada/data/settings", b"5"),
        ("POST", "/api/validate-yaml", b"{}"),
        ("POST", "/api/datasets/ada/data/preupload/main", b"{}"),
        ("POST", "/api/datasets/ada/data/preupload/main", b'{"files": [1]}'),
        ("POST", "/api/datasets/ada/data/preupload/main", b'{"files": [{"path": "a", "size": "1"}]}'),
        (
            "POST",
            "/api/datasets/ada/data/preupload/main",
            b'{"files": [{"path": "a", "size": 1, "sample": "!"}]}',
        ),
        ("POST", "/api/datasets/ada/data/paths-info/main", b"%"),
        ("POST", "/api/datasets/ada/data/paths-info/main", b"expand=true"),
        ("POST", "/datasets/ada/data.git/info/lfs/objects/batch", b'{"operation": "upload"}'),
        (
            "POST",
            "/datasets/ada/data.git/info/lfs/objects/batch",
            b'{"operation": "download", "objects": []}',
        ),
        (
            "POST",
            "/datasets/ada/data.git/info/lfs/objects/batch",
            b'{"operation": "upload", "objects": [{"oid": "..", "size": 1}]}',
        ),
        ("POST", "/datasets/ada/data.git/info/lfs/objects/verify", b'{"oid": 1, "size": 1}'),
        ("POST", "/api/datasets/ada/data/branch/a%20b", b"{}"),
        ("POST", "/api/datasets/ada/data/branch/..%2Fup", b"{}"),
        ("POST", "/api/datasets/ada/data/tag/main", b"{}"),
        ("POST", "/api/datasets/ada/data/discussions", b'{"title": "A question", "pullRequest": false}'),
        ("GET", "/api/datasets/ada/data/tree/main?cursor=-1", b""),
        ("GET", "/api/datasets/ada/data/tree/main?cursor=x", b""),
    ],
)
def test_an_invalid_request_is_refused(
    local_hub: LocalHub, repository: Repository, method: str, path: str, body: bytes
) -> None:
    status, answer = send(local_hub, method, path, body)
    assert status == 400
    assert answer["error"]
    assert list(repository.refs) == ["refs/heads/main"]
    assert local_hub.repositories.get("ada/data") is repository


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("license: {a: b}", 400),
        ("license: [mit, [mit]]", 400),
        ("configs: [1]", 400),
        ("configs: 1", 400),
        ("date: 2024-99-99", 400),
        ("a: " + "[" * 10_000, 400),
        ("- a", 400),
        ("2024-01-01: 2024-01-01\n.nan: .inf", 200),
        ("", 200),
    ],
)
def test_invalid_metadata_of_a_card_is_reported_and_does_no_harm(
    local_hub: LocalHub, repository: Repository, head: str, status: int
) -> None:
    readme = f"---\n{head}\n---\n# Data\n"
    body = json.dumps({"content": readme}).encode()
    actual_status, answer = send(local_hub, "POST", "/api/validate-yaml", body)
    assert actual_status == status
    assert bool(answer["errors"]) is (status == 400)
    # Such a card does no harm either if it is committed without this check.
    local_hub.commit("ada/data", {"README.md": readme.encode()})
    assert send(local_hub, "GET", "/api/datasets/ada/data")[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        "/datasets/ada/data/resolve/main/../../../../../etc/passwd",
        "/datasets/ada/data/resolve/main/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/datasets/ada/data/resolve/main/%00",
        "/datasets/ada/data/resolve/..%2F..%2Fetc/passwd",
        "/datasets/../../etc/passwd/resolve/main/a",
        "/api/resolve-cache/datasets/ada/data/main/..%2F..%2Fetc%2Fpasswd",
        "/api/datasets/ada/data/tree/main/..%2F..",
        "/api/datasets/ada/data/discussions/1",
        "/api/datasets/ada/data/discussions/x",
        "/api/models/ada/data",
        "/",
        "//",
        "/%",
        "/?" + "x" * 10_000,
    ],
)
def test_an_unknown_address_is_a_404(local_hub: LocalHub, repository: Repository, path: str) -> None:
    status, answer = send(local_hub, "GET", path)
    assert status == 404
    assert answer["error"]


def test_the_storage_refuses_addresses_without_a_signature(
    local_hub: LocalHub, repository: Repository
) -> None:
    for path in (f"/repos/{repository.uid}/{SHA256}", "/repos/..%2F..%2Fetc/passwd", "/repos/0/0?signature="):
        for method in ("GET", "PUT"):
            assert send(local_hub, method, path, b"x" * (method == "PUT"), token=None)[0] == 403
    assert local_hub.counters.uploads == []


def test_an_unsupported_method_is_a_405(local_hub: LocalHub, repository: Repository) -> None:
    assert send(local_hub, "DELETE", "/api/datasets/ada/data")[0] == 405
    assert send(local_hub, "PATCH", "/api/whoami-v2")[0] == 405
    assert send(local_hub, "OPTIONS", "/api/repos/create")[0] == 405


def test_a_change_without_a_valid_token_is_refused(local_hub: LocalHub, repository: Repository) -> None:
    for method, path in (
        ("POST", "/api/repos/create"),
        ("DELETE", "/api/repos/delete"),
        ("POST", "/api/datasets/ada/data/commit/main"),
        ("POST", "/api/datasets/ada/data/commit/main?create_pr=1"),
        ("POST", "/api/datasets/ada/data/preupload/main"),
        ("POST", "/api/datasets/ada/data/tag/main"),
        ("POST", "/api/datasets/ada/data/branch/a"),
        ("POST", "/api/datasets/ada/data/discussions"),
        ("PUT", "/api/datasets/ada/data/settings"),
    ):
        assert send(local_hub, method, path, b'{"type": "dataset", "name": "data"}', token=None)[0] == 401
        assert send(local_hub, method, path, b'{"type": "dataset", "name": "data"}', token="hf_")[0] == 401
    assert local_hub.repositories.get("ada/data") is repository


@pytest.mark.parametrize(
    "head", ["Content-Length: x", "Content-Length: -5", "Content-Length: ²", "Authorization: Basic YTpi"]
)
def test_an_invalid_header_is_refused(local_hub: LocalHub, head: str) -> None:
    with socket.create_connection(
        ("127.0.0.1", int(local_hub.url.rpartition(":")[2])), timeout=10
    ) as connection:
        connection.sendall(f"GET /api/whoami-v2 HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n".encode("latin-1"))
        assert connection.recv(100).startswith(b"HTTP/1.1 400 ")


def test_an_invalid_chunked_body_is_refused(local_hub: LocalHub) -> None:
    port = int(local_hub.url.rpartition(":")[2])
    for body in (b"zz\r\n", b"5\r\nab", b"-5\r\nab"):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(
                b"POST /api/validate-yaml HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + body
            )
            connection.shutdown(socket.SHUT_WR)
            reply = connection.recv(100)
            assert reply == b"" or reply.startswith(b"HTTP/1.1 400 ")


def test_a_crash_of_an_endpoint_is_reported(local_hub: LocalHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Show that a crash is a 500 and that the hub stores its traceback, which the fixture reports."""
    monkeypatch.setattr(local_hub, "accounts", None)
    assert send(local_hub, "GET", "/api/whoami-v2")[0] == 500
    (trace,) = local_hub.crashes
    assert "TypeError" in trace
    local_hub.crashes.clear()
