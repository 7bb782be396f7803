"""The hub that tests start.

In: a folder for its contents. Out: an address that real clients can use as the Hub's, and what they sent to
it. Repositories live as long as the `LocalHub`: they still exist after `stop` and `start`.
"""

import hashlib
import os
import secrets
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests import ROOT

from .accounts import ACCOUNTS, Account
from .counters import Counters
from .faults import Faults
from .history import Repository, new_commit
from .repositories import Repositories
from .server import Server


class LocalHub:
    """A Hub on this machine, as a context manager; `page_size` limits the length of its lists.

    With port 0, the hub chooses a free port.
    """

    def __init__(
        self,
        folder: Path,
        accounts: Mapping[str, Account] = ACCOUNTS,
        page_size: int = 1000,
        port: int = 0,
    ) -> None:
        self.accounts = dict(accounts)
        self.page_size = page_size
        self.repositories = Repositories(folder)
        self.models: dict[str, dict[str, Any]] = {}  # metadata of the cards, by name of the model
        self.counters = Counters()
        self.faults = Faults()
        self.crashes: list[str] = []  # tracebacks of unexpected errors in endpoints
        self._secret = secrets.token_hex()
        self._port = port

    def start(self) -> None:
        """Start to serve; after a `stop`, at the same address again."""
        self._server = Server(self, self._port)
        self._port = self._server.server_port
        self.url = f"http://127.0.0.1:{self._port}"
        # Another origin, as on the real Hub: clients must not follow redirects to it for metadata.
        self.storage_url = f"http://localhost:{self._port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def stop(self) -> None:
        """Accept no more connections, and close the open ones."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._server.hang_up()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def environment(self, home: Path, token: str | None = "hf_ada") -> dict[str, str]:
        """Return the whole environment for a process that uses this hub as the Hub, with caches in `home`.

        The process runs codeio from this source tree, even if another codeio is installed.
        """
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))
        }
        return {
            **inherited,
            "PYTHONPATH": str(ROOT),
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(home),
            "HF_DATASETS_CACHE": str(home / "datasets"),
            **({"HF_TOKEN": token} if token else {}),
            "HF_HUB_DISABLE_XET": "1",
            # No requests go elsewhere: no proxy, no counting of downloads, no check for updates.
            "NO_PROXY": "*",
            "no_proxy": "*",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_UPDATE_CHECK": "1",
            "HF_UPDATE_DOWNLOAD_COUNTS": "0",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
        }

    def files(self, name: str, revision: str = "main") -> dict[str, bytes]:
        """Return the files of a revision by path, without a client."""
        repository = self._repository(name)
        tree = repository.resolve(revision).tree
        return {path: repository.objects.path(entry).read_bytes() for path, entry in sorted(tree.items())}

    def commit(self, name: str, files: Mapping[str, bytes], revision: str = "main") -> str:
        """Commit regular files as another user, without a client; return the commit's id."""
        repository = self._repository(name)
        with repository.lock:
            ref = repository.ref_to_move(revision)
            head = repository.refs[ref]
            tree = {
                **head.tree,
                **{path: repository.objects.store(content) for path, content in files.items()},
            }
            commit = new_commit(tree, head, "Somebody else's commit", "", "bob")
            repository.add_commit(ref, commit)
        return commit.oid

    def _repository(self, name: str) -> Repository:
        repository = self.repositories.get(name)
        if repository is None:
            raise KeyError(name)
        return repository

    def signature(self, repository: Repository, sha256: str) -> str:
        """Return the signature which proves that this hub issued the address of a content."""
        return hashlib.sha256(f"{self._secret}/{repository.uid}/{sha256}".encode()).hexdigest()

    def signed_url(self, repository: Repository, sha256: str) -> str:
        """Return the address of a content in the storage, with its signature."""
        signature = self.signature(repository, sha256)
        return f"{self.storage_url}/repos/{repository.uid}/{sha256}?signature={signature}"
