"""Answers already paid for, kept by request, so that a killed run goes on without asking again.

In: a request (the payload and the model's identity; never the address, never a key). Out: its answer, if it
was ever given. One SQLite file in WAL mode: several processes may read and write it at once, and what was
put survives SIGKILL. Every `open` has its own connection, so nothing is shared between threads or carried
over a fork; the object itself is just a path and pickles as one.
Not covered: sharing a cache over a network file system (SQLite's locks do not hold there).
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builders.inference.answers import Answer
from builders.inference.errors import CacheUnusable

BUSY_TIMEOUT_S = 60
_TABLE = "CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, answer TEXT NOT NULL) WITHOUT ROWID"
N_KEYS_PER_QUERY = 500  # SQLite allows 999 variables in its oldest builds


def request_key(payload: dict[str, Any], identity: str) -> str:
    """64 hex digits that name a request to a model; raises ValueError for a payload that is not JSON."""
    request = {"model": identity, "payload": payload}
    text = json.dumps(request, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


class OpenCache:
    """A request cache with a connection; belongs to the thread that opened it."""

    def __init__(self, connection: sqlite3.Connection):
        self._connection = connection

    def get(self, keys: Sequence[str]) -> dict[str, Answer]:
        """The answers there are, by key."""
        found: dict[str, Answer] = {}
        for start in range(0, len(keys), N_KEYS_PER_QUERY):
            some = keys[start : start + N_KEYS_PER_QUERY]
            marks = ",".join("?" * len(some))
            rows = self._connection.execute(f"SELECT key, answer FROM answers WHERE key IN ({marks})", some)
            found.update((key, Answer.from_json(text)) for key, text in rows)
        return found

    def put(self, key: str, answer: Answer) -> None:
        """Keeps an answer; it is on disk when this returns. The first answer to a request stays."""
        self._connection.execute("INSERT OR IGNORE INTO answers VALUES (?, ?)", (key, answer.to_json()))

    def __len__(self) -> int:
        (n_answers,) = self._connection.execute("SELECT count(*) FROM answers").fetchone()
        return int(n_answers)


@dataclass(frozen=True)
class RequestCache:
    """The request cache at `path` (a file, made with its folder when first opened)."""

    path: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", Path(self.path))

    @contextmanager
    def open(self) -> Iterator[OpenCache]:
        """Connects; an error of the database inside the block becomes CacheUnusable."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Autocommit: each put is a transaction of its own, so a kill loses none that returned.
            with closing(
                sqlite3.connect(self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
            ) as connection:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=NORMAL")
                connection.execute(_TABLE)
                yield OpenCache(connection)
        except (sqlite3.Error, OSError) as error:
            raise CacheUnusable(self._explain(error)) from error

    def _explain(self, error: Exception) -> str:
        said = str(error)
        if "disk is full" in said or "No space left" in said:
            return (
                f"The disk is full, so {self.path} cannot take more answers: free some space and run the same"
                " command again; what was answered so far is kept."
            )
        if "not a database" in said or "malformed" in said:
            return f"{self.path} is not a request cache or is damaged: move it away and run again."
        return (
            f"The request cache {self.path} cannot be used ({said}): check its folder's permissions and disk."
        )
