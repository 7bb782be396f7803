"""The files of a commit, as a mapping from path to entry, and the Hub's listings of them.

In: a tree, and the part of it to list. Out: files and folders as the API lists them; folders have the ids
that git gives them.
"""

import re
from collections.abc import Mapping
from typing import Any

from .errors import bad_request
from .objects import Entry, git_oid

Tree = Mapping[str, Entry]
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def checked_path(path: str) -> str:
    """Return `path` if a file in a repository may have it; raise Refused otherwise."""
    parts = path.split("/")
    if _CONTROL.search(path) or any(part in ("", ".", "..") or part.lower() == ".git" for part in parts):
        raise bad_request(f"Invalid path: {path!r}")
    return path


def check_paths(tree: Tree) -> None:
    """Raise Refused if a file of the tree has the path of another file's folder."""
    for path in tree:
        for folder in _folders_of(path):
            if folder in tree:
                raise bad_request(f"{folder!r} is a file, so there cannot be a file {path!r}")


def folder_ids(tree: Tree) -> dict[str, str]:
    """Return the id of each folder by its path; the root has the empty path."""
    children: dict[str, list[tuple[str, str]]] = {"": []}
    for path in tree:
        for folder in _folders_of(path):
            children.setdefault(folder, [])
    for path, entry in tree.items():
        folder, _, name = path.rpartition("/")
        children[folder].append((name, entry.oid))
    ids: dict[str, str] = {}
    for folder in sorted(children, key=_depth, reverse=True):  # deepest first: their ids are needed above
        subfolders = [name for name in ids if name.rpartition("/")[0] == folder]
        ids[folder] = _tree_oid(children[folder], subfolders, ids)
    return ids


def nodes(tree: Tree, folder: str = "", recursive: bool = False) -> list[dict[str, Any]]:
    """Return the files and folders in `folder`, sorted by path; with `recursive`, those below too."""
    prefix = f"{folder}/" if folder else ""
    ids = folder_ids(tree)
    paths = [path for path in [*tree, *(name for name in ids if name)] if path.startswith(prefix)]
    return [node(tree, ids, path) for path in sorted(paths) if recursive or "/" not in path[len(prefix) :]]


def node(tree: Tree, ids: Mapping[str, str], path: str) -> dict[str, Any]:
    """Return the file or folder at `path` as the API lists it."""
    entry = tree.get(path)
    if entry is None:
        return {"type": "directory", "oid": ids[path], "size": 0, "path": path}
    fields: dict[str, Any] = {"type": "file", "oid": entry.oid, "size": entry.size, "path": path}
    if entry.sha256:
        fields["lfs"] = {"oid": entry.sha256, "size": entry.size, "pointerSize": entry.pointer_size}
    return fields


def content_id(tree: Tree, path: str) -> str | None:
    """Return the id of the file or folder at `path`, which changes with its content."""
    return tree[path].oid if path in tree else folder_ids(tree).get(path)


def _folders_of(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:n]) for n in range(1, len(parts))]


def _depth(folder: str) -> int:
    return folder.count("/") + 1 if folder else 0


def _tree_oid(files: list[tuple[str, str]], folders: list[str], ids: Mapping[str, str]) -> str:
    rows = [(name, b"100644", oid) for name, oid in files]
    rows += [(f"{folder.rpartition('/')[2]}/", b"40000", ids[folder]) for folder in folders]
    rows.sort(key=lambda row: row[0].encode())  # git sorts a folder as if its name ended in a slash
    lines = [mode + b" " + name.rstrip("/").encode() + b"\0" + bytes.fromhex(oid) for name, mode, oid in rows]
    return git_oid("tree", b"".join(lines))
