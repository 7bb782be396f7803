"""Contents of a repository, stored by their hash.

In: bytes, or a stream with the hash that its sender announced. Out: an `Entry`, which is what a commit holds
of a file. Regular files are stored under the sha1 that git gives a blob. Files in LFS are stored under the
sha256 of their content, and the commit holds an LFS pointer. A content is written under another name and then
renamed, so it is complete or missing.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .errors import bad_request


@dataclass(frozen=True)
class Entry:
    """A file in a commit: `oid` is the git id of its blob or LFS pointer, `size` that of its content."""

    oid: str
    size: int
    sha256: str | None = None
    pointer_size: int = 0

    @property
    def etag(self) -> str:
        return self.sha256 or self.oid


def git_oid(kind: str, data: bytes) -> str:
    """Return the id that git gives to an object."""
    return hashlib.sha1(f"{kind} {len(data)}\0".encode() + data).hexdigest()


def lfs_entry(sha256: str, size: int) -> Entry:
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n".encode()
    return Entry(git_oid("blob", pointer), size, sha256, len(pointer))


class Objects:
    """The contents in `folder`; thread-safe."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._folder.mkdir(parents=True)

    def store(self, data: bytes) -> Entry:
        """Store the content of a regular file."""
        entry = Entry(git_oid("blob", data), len(data))
        self._write(entry.oid, [data])
        return entry

    def store_upload(self, chunks: Iterable[bytes], sha256: str) -> int:
        """Store an upload to LFS and return its size; raise Refused if its hash differs from `sha256`."""
        return self._write(sha256, chunks, sha256)

    def find_lfs(self, sha256: str) -> Entry | None:
        path = self._folder / sha256
        return lfs_entry(sha256, path.stat().st_size) if path.exists() else None

    def path(self, entry: Entry) -> Path:
        return self._folder / entry.etag

    def _write(self, name: str, chunks: Iterable[bytes], sha256: str | None = None) -> int:
        digest, size = hashlib.sha256(), 0
        descriptor, scratch = tempfile.mkstemp(dir=self._folder, prefix="incoming-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                for chunk in chunks:
                    file.write(chunk)
                    digest.update(chunk)
                    size += len(chunk)
            if sha256 is not None and digest.hexdigest() != sha256:
                raise bad_request("The content does not have the SHA256 that was announced.")
            os.replace(scratch, self._folder / name)
        except BaseException:
            os.unlink(scratch)
            raise
        return size
