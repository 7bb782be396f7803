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
from ..exchange import Call, Reply, json_reply, member
from ..history import Repository
from ..objects import Entry
from ..routes import route
from ..trees import Tree
from .downloads import stored_in

REGULAR_BYTES_MAX = 10 * 1024 * 1024
LFS_JSON = {"Content-Type": "application/vnd.git-lfs+json"}


@route("POST", "/api/datasets/{repo}/preupload/{revision}")
def preupload(call: Call) -> Reply:
    repository = call.writable("upload to a dataset", is_proposal=call.is_on("create_pr"))
    commit = call.commit()
    in_lfs = _lfs_patterns(repository, commit.tree)
    files = [_mode(_object(file), commit.tree, in_lfs) for file in member(call.json(), "files", list)]
    return json_reply({"files": files, "commitOid": commit.oid})


@route("POST", "/datasets/{repo}.git/info/lfs/objects/batch")
def batch(call: Call) -> Reply:
    asked = call.json()
    # Without a ref it is a pull request, which anybody may upload files for.
    repository = call.writable("upload to a dataset", is_proposal="ref" not in asked)
    if asked.get("operation") != "upload" or "basic" not in member(asked, "transfers", list, ["basic"]):
        raise bad_request("This hub knows LFS uploads with the basic transfer only")
    objects = [_object(one) for one in member(asked, "objects", list)]
    said = {"transfer": "basic", "objects": [_instructions(call, repository, one) for one in objects]}
    return json_reply(said, headers=LFS_JSON)


@route("PUT", "/repos/{uid}/{sha256}")
def put(call: Call) -> Reply:
    repository, sha256 = stored_in(call)
    n_bytes = repository.objects.receive(call.body.chunks(), sha256)
    call.hub.counters.add(Upload(sha256, n_bytes))
    return Reply(200, headers={"ETag": f'"{sha256}"'})


@route("POST", "/datasets/{repo}.git/info/lfs/objects/verify")
def verify(call: Call) -> Reply:
    repository = call.writable("upload to a dataset", is_proposal=True)
    sha256, size = _announced(call.json())
    entry = repository.objects.in_lfs(sha256)
    if entry is None or entry.size != size:
        raise bad_request("The object was not uploaded")
    return json_reply({})


def _lfs_patterns(repository: Repository, tree: Tree) -> list[str]:
    attributes = tree.get(".gitattributes")
    if attributes is None or attributes.sha256:
        return []
    lines = repository.objects.path(attributes).read_text(errors="replace").splitlines()
    return [line.split()[0] for line in lines if "filter=lfs" in line.split()[1:]]


def _mode(file: dict[str, Any], tree: Tree, in_lfs: list[str]) -> dict[str, Any]:
    path, size = member(file, "path", str), member(file, "size", int)
    try:
        sample = base64.b64decode(member(file, "sample", str, ""), validate=True)
    except (binascii.Error, ValueError) as error:
        raise bad_request(f"Invalid base64: {error}") from error
    is_large = size > REGULAR_BYTES_MAX or b"\0" in sample or _matches(path, in_lfs)
    there: Entry | None = tree.get(path)
    return {
        "path": path,
        "uploadMode": "lfs" if is_large else "regular",
        "shouldIgnore": False,
        **({"oid": there.etag} if there else {}),
    }


def _matches(path: str, patterns: list[str]) -> bool:
    name = path.rpartition("/")[2]
    return any(fnmatch(path if "/" in pattern else name, pattern) for pattern in patterns)


def _instructions(call: Call, repository: Repository, asked: dict[str, Any]) -> dict[str, Any]:
    sha256, size = _announced(asked)
    said: dict[str, Any] = {"oid": sha256, "size": size}
    if repository.objects.in_lfs(sha256) is None:
        address = call.hub.stored_at(repository, sha256)
        check = f"{call.hub.url}/datasets/{repository.name}.git/info/lfs/objects/verify"
        said["actions"] = {"upload": {"href": address}, "verify": {"href": check}}
    return said


def _announced(asked: dict[str, Any]) -> tuple[str, int]:
    sha256, size = member(asked, "oid", str), member(asked, "size", int)
    if not SHA256.fullmatch(sha256) or size < 0:
        raise bad_request("Invalid input: an object has a SHA256 and a size")
    return sha256, size


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise bad_request("Invalid input: not an object")
    return value
