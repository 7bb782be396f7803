"""A commit as clients send it: NDJSON, first a header and then one operation on each line.

In: the lines, and the tree that they change. Out: a `Draft`, and the tree after it. If one operation fails,
the whole commit is refused before anything changes.
Not covered: limits on the number and size of operations, and .gitignore.
"""

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .errors import bad_request, entry_not_found
from .messages import json_object, member
from .objects import Entry, Objects
from .trees import Tree, check_paths, checked_path

SHA256 = re.compile(r"[0-9a-f]{64}")
COMMIT_ID = re.compile(r"[0-9a-f]{40}")

Operation = Callable[[dict[str, Entry]], None]


@dataclass(frozen=True)
class Draft:
    """A commit as a client asks for it; `parent_id` is the head that the client expects, if it names one."""

    title: str
    message: str
    parent_id: str | None
    operations: list[Operation]

    def applied_to(self, tree: Tree) -> Tree:
        """Return `tree` with the operations applied in order."""
        files = dict(tree)
        for operation in self.operations:
            operation(files)
        check_paths(files)
        return files


def parsed_commit(text: bytes, objects: Objects) -> Draft:
    """Read the lines of a commit; contents that are part of them are stored in `objects`."""
    lines = [json_object(line) for line in text.split(b"\n") if line.strip()]
    if not lines or lines[0].get("key") != "header":
        raise bad_request("The first line of a commit must be its header")
    header = member(lines[0], "value", dict)
    title = member(header, "summary", str)
    if not title:
        raise bad_request("Invalid input: a commit needs a summary")
    parent_id = member(header, "parentCommit", str, "") or None
    if parent_id and not COMMIT_ID.fullmatch(parent_id):
        raise bad_request("Invalid input: parentCommit must be a commit id")
    operations = [_operation(line, objects) for line in lines[1:]]
    return Draft(title, member(header, "description", str, ""), parent_id, operations)


def _operation(line: dict[str, Any], objects: Objects) -> Operation:
    value = member(line, "value", dict)
    path = member(value, "path", str)
    match line.get("key"):
        case "file":
            return _addition(checked_path(path), objects.store(_content(value)))
        case "lfsFile":
            return _addition(checked_path(path), _lfs_file(value, objects))
        case "deletedFile":
            return _deletion(path)
        case "deletedFolder":
            return _folder_deletion(path.rstrip("/"))
        case key:
            raise bad_request(f"Invalid input: unknown operation {key!r}")


def _content(value: dict[str, Any]) -> bytes:
    content = member(value, "content", str)
    if value.get("encoding", "utf-8") == "utf-8":
        return content.encode()
    if value["encoding"] != "base64":
        raise bad_request("Invalid input: unknown encoding")
    try:
        return base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError) as error:
        raise bad_request(f"Invalid base64: {error}") from error


def _lfs_file(value: dict[str, Any], objects: Objects) -> Entry:
    sha256 = member(value, "oid", str)
    entry = objects.find_lfs(sha256) if SHA256.fullmatch(sha256) else None
    if entry is None or value.get("size", entry.size) != entry.size:
        raise bad_request(f"LFS pointer pointed to a file that does not exist: {value['path']}")
    return entry


def _addition(path: str, entry: Entry) -> Operation:
    def add(files: dict[str, Entry]) -> None:
        files[path] = entry

    return add


def _deletion(path: str) -> Operation:
    def delete(files: dict[str, Entry]) -> None:
        if files.pop(path, None) is None:
            raise entry_not_found(f"A file with this name doesn't exist: {path}")

    return delete


def _folder_deletion(folder: str) -> Operation:
    def delete(files: dict[str, Entry]) -> None:
        deleted = [path for path in files if path.startswith(f"{folder}/")]
        if not deleted:
            raise entry_not_found(f"A file with this name doesn't exist: {folder}")
        for path in deleted:
            del files[path]

    return delete
