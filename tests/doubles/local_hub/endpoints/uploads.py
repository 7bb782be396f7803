"""Uploads: which files go to LFS, and where to send them.

Not covered: uploads in several parts, which the Hub requires for files over 5 GB, and Xet.
"""

import base64
import binascii
from fnmatch import fnmatch
from typing import Any

from ..commits import SHA256
from ..counters import Upload
from ..errors import bad_request
from ..history import Repository
from ..messages import Reply, Request, json_reply, member
from ..objects import Entry
from ..routes import route
from ..trees import Tree
from .downloads import signed_object

REGULAR_BYTES_MAX = 10 * 1024 * 1024
LFS_JSON = {"Content-Type": "application/vnd.git-lfs+json"}


@route("POST", "/api/datasets/{repo}/preupload/{revision}")
def preupload(request: Request) -> Reply:
    repository = request.writable_repository(
        "upload to a dataset", is_pull_request=request.is_on("create_pr")
    )
    commit = request.commit()
    patterns = _lfs_patterns(repository, commit.tree)
    files = [
        _upload_mode(_checked_object(file), commit.tree, patterns)
        for file in member(request.json(), "files", list)
    ]
    return json_reply({"files": files, "commitOid": commit.oid})


@route("POST", "/datasets/{repo}.git/info/lfs/objects/batch")
def batch(request: Request) -> Reply:
    fields = request.json()
    # Clients send no ref for a pull request, for which any account may upload files.
    repository = request.writable_repository("upload to a dataset", is_pull_request="ref" not in fields)
    if fields.get("operation") != "upload" or "basic" not in member(fields, "transfers", list, ["basic"]):
        raise bad_request("This hub knows LFS uploads with the basic transfer only")
    objects = [_checked_object(item) for item in member(fields, "objects", list)]
    answer = {
        "transfer": "basic",
        "objects": [_upload_actions(request, repository, item) for item in objects],
    }
    return json_reply(answer, headers=LFS_JSON)


@route("PUT", "/repos/{uid}/{sha256}")
def put(request: Request) -> Reply:
    repository, sha256 = signed_object(request)
    n_bytes = repository.objects.store_upload(request.body.chunks(), sha256)
    request.hub.counters.record(Upload(sha256, n_bytes))
    return Reply(200, headers={"ETag": f'"{sha256}"'})


@route("POST", "/datasets/{repo}.git/info/lfs/objects/verify")
def verify(request: Request) -> Reply:
    repository = request.writable_repository("upload to a dataset", is_pull_request=True)
    sha256, size = _oid_and_size(request.json())
    entry = repository.objects.find_lfs(sha256)
    if entry is None or entry.size != size:
        raise bad_request("The object was not uploaded")
    return json_reply({})


def _lfs_patterns(repository: Repository, tree: Tree) -> list[str]:
    attributes = tree.get(".gitattributes")
    if attributes is None or attributes.sha256:
        return []
    lines = repository.objects.path(attributes).read_text(errors="replace").splitlines()
    return [line.split()[0] for line in lines if "filter=lfs" in line.split()[1:]]


def _upload_mode(file: dict[str, Any], tree: Tree, lfs_patterns: list[str]) -> dict[str, Any]:
    path, size = member(file, "path", str), member(file, "size", int)
    try:
        sample = base64.b64decode(member(file, "sample", str, ""), validate=True)
    except (binascii.Error, ValueError) as error:
        raise bad_request(f"Invalid base64: {error}") from error
    goes_to_lfs = size > REGULAR_BYTES_MAX or b"\0" in sample or _matches(path, lfs_patterns)
    existing: Entry | None = tree.get(path)
    return {
        "path": path,
        "uploadMode": "lfs" if goes_to_lfs else "regular",
        "shouldIgnore": False,
        **({"oid": existing.etag} if existing else {}),
    }


def _matches(path: str, patterns: list[str]) -> bool:
    name = path.rpartition("/")[2]
    return any(fnmatch(path if "/" in pattern else name, pattern) for pattern in patterns)


def _upload_actions(request: Request, repository: Repository, fields: dict[str, Any]) -> dict[str, Any]:
    sha256, size = _oid_and_size(fields)
    answer: dict[str, Any] = {"oid": sha256, "size": size}
    if repository.objects.find_lfs(sha256) is None:
        address = request.hub.signed_url(repository, sha256)
        check = f"{request.hub.url}/datasets/{repository.name}.git/info/lfs/objects/verify"
        answer["actions"] = {"upload": {"href": address}, "verify": {"href": check}}
    return answer


def _oid_and_size(fields: dict[str, Any]) -> tuple[str, int]:
    sha256, size = member(fields, "oid", str), member(fields, "size", int)
    if not SHA256.fullmatch(sha256) or size < 0:
        raise bad_request("Invalid input: an object has a SHA256 and a size")
    return sha256, size


def _checked_object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise bad_request("Invalid input: not an object")
    return value
