"""A repository on the Hub, and what a folder would change there.

In: a repository with a revision, and a folder. Out: `Remote`, the head with its files, and `CommitPlan`.
Files are compared by the hashes that the Hub keeps; none is downloaded. Files that are not part of a version
are not compared, so they stay.
Tested in tests/hub/publish/test_upload.py.
"""

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, RepoFile
from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

from builders.tables.folder import sha256
from hub.layout import is_version_file


@dataclass(frozen=True)
class Remote:
    """A revision of a repository: its head commit, and its files by path; both empty if there is none."""

    head: str | None
    files: dict[str, RepoFile]

    @classmethod
    def read(cls, api: HfApi, repo_id: str, revision: str) -> "Remote":
        """Read a revision from the Hub; empty if there is none. Other errors of the client are raised."""
        where: dict[str, Any] = {"repo_type": "dataset", "revision": revision}
        try:
            head = api.repo_info(repo_id, **where).sha
            entries = list(api.list_repo_tree(repo_id, recursive=True, **{**where, "revision": head}))
        except (RepositoryNotFoundError, RevisionNotFoundError):
            return cls(None, {})
        return cls(head, {entry.path: entry for entry in entries if isinstance(entry, RepoFile)})

    def version_files(self) -> dict[str, str]:
        """Return the files of a version by path, with the hashes of their contents."""
        return {path: file.blob_id for path, file in self.files.items() if is_version_file(path)}


@dataclass(frozen=True)
class CommitPlan:
    """What a commit would do: paths added and changed with the bytes to send for each, and paths removed.

    No bytes are sent if the repository has the content under another name.
    """

    added: dict[str, int]
    changed: dict[str, int]
    removed: tuple[str, ...]
    n_unchanged: int

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)


def plan_commit(folder: Path, remote: Remote) -> CommitPlan:
    """Return what a commit has to do so that the revision holds what the folder holds."""
    added, changed, n_unchanged = {}, {}, 0
    contents = {file.lfs.sha256 for file in remote.files.values() if file.lfs}
    ours = {path.relative_to(folder).as_posix(): path for path in _files(folder)}
    for name, path in ours.items():
        published = remote.files.get(name)
        if published is None:
            added[name] = _bytes_to_send(path, contents)
        elif _is_same(path, published):
            n_unchanged += 1
        else:
            changed[name] = _bytes_to_send(path, contents)
    removed = sorted(name for name in remote.files if name not in ours and is_version_file(name))
    return CommitPlan(added, changed, tuple(removed), n_unchanged)


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and is_version_file(path.relative_to(folder).as_posix()):
            yield path


def _is_same(path: Path, published: RepoFile) -> bool:
    if path.stat().st_size != published.size:
        return False
    if published.lfs:
        return sha256(path) == published.lfs.sha256
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0%b" % (len(content), content)).hexdigest() == published.blob_id


def _bytes_to_send(path: Path, contents: Collection[str]) -> int:
    """Return the size of a file in bytes; 0 if the repository has a file with the same hash."""
    return 0 if sha256(path) in contents else path.stat().st_size
