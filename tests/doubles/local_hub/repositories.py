"""All repositories of a hub.

In: names. Out: repositories, created and removed as a whole. The folders of their contents have numbers as
names: so the name of a repository is never used as a path, and a repository that is created again after its
removal has none of the old contents.
"""

import re
import shutil
import threading
from pathlib import Path

from .errors import Refused, bad_request
from .history import Repository, new_commit
from .objects import Objects

_NAME = re.compile(r"(?!.*(?:--|\.\.))[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?")
# The part of a new dataset's .gitattributes on the Hub that decides what is stored in LFS.
_IN_LFS = (
    *("*.7z", "*.arrow", "*.bin", "*.bz2", "*.gz", "*.h5", "*.joblib", "*.lz4", "*.mds", "*.model"),
    *("*.msgpack", "*.npy", "*.npz", "*.onnx", "*.ot", "*.parquet", "*.pb", "*.pickle", "*.pkl", "*.pt"),
    *("*.pth", "*.rar", "*.safetensors", "*.tar", "*.tar.*", "*.tflite", "*.tgz", "*.wasm", "*.xz"),
    *("*.zip", "*.zst", "*tfevents*", "*.flac", "*.mp3", "*.ogg", "*.wav", "*.mp4", "*.webm"),
    *("*.bmp", "*.gif", "*.png", "*.tiff", "*.jpg", "*.jpeg", "*.webp"),
)
ATTRIBUTES = "".join(f"{pattern} filter=lfs diff=lfs merge=lfs -text\n" for pattern in _IN_LFS)


class Repositories:
    """The repositories by name, with their contents in `folder`; thread-safe."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._by_name: dict[str, Repository] = {}
        self._n_created = 0

    def get(self, name: str) -> Repository | None:
        return self._by_name.get(name)

    def by_uid(self, uid: str) -> Repository | None:
        return next(
            (repository for repository in list(self._by_name.values()) if repository.uid == uid), None
        )

    def create(self, namespace: str, name: str, private: bool, author: str, url: str) -> Repository:
        """Create a repository with its first commit; raise Refused with its name if it exists already."""
        if not _NAME.fullmatch(name) or name.endswith(".git"):
            raise bad_request(f"Invalid repo name: {namespace}/{name}")
        full_name = f"{namespace}/{name}"
        with self._lock:
            if full_name in self._by_name:
                taken = {"url": url, "name": full_name, "id": full_name}
                raise Refused(409, "You already created this dataset repo", fields=taken)
            self._n_created += 1
            uid = f"{self._n_created:024x}"
            objects = Objects(self._folder / uid)
            tree = {".gitattributes": objects.store(ATTRIBUTES.encode())}
            first = new_commit(tree, None, "initial commit", "", author)
            repository = self._by_name[full_name] = Repository(full_name, uid, private, objects, first)
        return repository

    def remove(self, repository: Repository) -> None:
        with self._lock:
            if self._by_name.get(repository.name) is repository:
                del self._by_name[repository.name]
        shutil.rmtree(self._folder / repository.uid, ignore_errors=True)
