"""Answers already paid for, kept by request, so that a killed run goes on without asking again.

In: a request (the payload and the model's identity; never the address, never a key). Out: its answer, or the
lasting refusal, if either was ever given. One SQLite file in WAL mode: several processes may read and write
it at once, and what was put survives SIGKILL. Every `open` has its own connection, so nothing is shared
between threads or carried over a fork; the object itself is just a path and pickles as one.
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

from tenacity import retry, retry_if_exception, stop_after_delay, wait_fixed

from builders.inference.answers import Answer, Refusal
from builders.inference.errors import CacheUnusable

BUSY_TIMEOUT_S = 60
# With row ids: keys are hashes, so that rows in the order of their keys would land all over a file of twice
# the size, at 2.5 times the cost.
_TABLES = (
    "CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, answer TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS refusals (key TEXT PRIMARY KEY, reason TEXT NOT NULL, detail TEXT NOT NULL)",
)
N_KEYS_PER_QUERY = 500  # SQLite allows 999 variables in its oldest builds


def request_key(payload: dict[str, Any], identity: str) -> str:
    """64 hex digits that name a request to a model; raises ValueError for a payload that is not JSON."""
    request = {"model": identity, "payload": payload}
    text = json.dumps(request, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


class OpenCache:
    """A request cache with a connection; belongs to the thread that opened it."""

    def __init__(self, connection: sqlite3.Connection, path: Path):
        self._connection = connection
        self._path = path

    def get(self, keys: Sequence[str]) -> dict[str, Answer | Refusal]:
        """What there is, by key; an answer goes before a refusal."""
        found: dict[str, Answer | Refusal] = {}
        for start in range(0, len(keys), N_KEYS_PER_QUERY):
            some = keys[start : start + N_KEYS_PER_QUERY]
            marks = ",".join("?" * len(some))
            for key, reason, detail in self._run(f"SELECT * FROM refusals WHERE key IN ({marks})", some):
                found[key] = Refusal(reason, detail)
            for key, text in self._run(f"SELECT * FROM answers WHERE key IN ({marks})", some):
                found[key] = Answer.from_json(text)
        return found

    def put(self, key: str, answer: Answer) -> Answer:
        """Keeps an answer, on disk when this returns or, after `begin`, at the next `commit`.

        The first to a request stays, and is given back.
        """
        if self._change("INSERT OR IGNORE INTO answers VALUES (?, ?)", (key, answer.to_json())):
            return answer
        kept = self.get([key])[key]  # no answer is ever changed or removed
        return kept if isinstance(kept, Answer) else answer

    def begin(self) -> None:
        """What is put from now on goes to disk together: a commit for each would be most of its cost."""
        self._run("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """All that was put is on disk; or none of it is, and CacheUnusable tells why."""
        try:
            self._run("COMMIT")
        finally:
            self._connection.rollback()  # of what could not be kept; else there is nothing left to undo

    def refuse(self, key: str, refusal: Refusal) -> None:
        """Keeps a lasting refusal, so that it is not asked for again."""
        self._change(
            "INSERT OR REPLACE INTO refusals VALUES (?, ?, ?)", (key, refusal.reason, refusal.detail)
        )

    def forget_refusals(self) -> int:
        """Removes all refusals, so that their requests are asked again; returns how many there were."""
        n_refusals = self._change("DELETE FROM refusals")
        if n_refusals:
            self._run(f"PRAGMA user_version = {self.generation() + 1}")
        return n_refusals

    def generation(self) -> int:
        """How often refusals were forgotten: what was made of them before is out of date."""
        return int(self._run("PRAGMA user_version")[0][0])

    def answers(self) -> Iterator[tuple[str, Answer]]:
        """All answers by key, in the order of the keys."""
        with _explained(self._path):
            for key, text in self._connection.execute("SELECT key, answer FROM answers ORDER BY key"):
                yield key, Answer.from_json(text)

    def put_many(self, answers: Sequence[tuple[str, Answer]]) -> int:
        """Keeps answers in one transaction; returns how many of them are new."""
        with _explained(self._path), self._connection:  # which commits, or rolls back
            self.begin()
            return sum(
                self._change("INSERT OR IGNORE INTO answers VALUES (?, ?)", (key, answer.to_json()))
                for key, answer in answers
            )

    def refusals(self) -> dict[str, int]:
        """How many refusals there are, by reason."""
        rows = self._run("SELECT reason, count(*) FROM refusals GROUP BY reason ORDER BY reason")
        return {reason: int(count) for reason, count in rows}

    def __len__(self) -> int:
        (n_answers,) = self._run("SELECT count(*) FROM answers")[0]
        return int(n_answers)

    def _change(self, statement: str, values: Sequence[str] = ()) -> int:
        with _explained(self._path):
            return self._connection.execute(statement, values).rowcount

    def _run(self, statement: str, values: Sequence[str] = ()) -> list[Any]:
        with _explained(self._path):
            return self._connection.execute(statement, values).fetchall()


@dataclass(frozen=True)
class RequestCache:
    """The request cache at `path` (a file, made with its folder when first opened)."""

    path: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", Path(self.path))

    @contextmanager
    def open(self) -> Iterator[OpenCache]:
        """Connects for as long as the block lasts; raises CacheUnusable, then and at each use."""
        with _explained(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Autocommit: each put is a transaction of its own, so a kill loses none that returned.
            connection = sqlite3.connect(self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        with closing(connection):
            with _explained(self.path):
                _prepare(connection)
            yield OpenCache(connection, self.path)


def _is_locked(error: BaseException) -> bool:
    return isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode == sqlite3.SQLITE_BUSY


# Two first openings can collide in the change to WAL mode, which does not wait for the timeout by itself.
@retry(
    retry=retry_if_exception(_is_locked),
    stop=stop_after_delay(BUSY_TIMEOUT_S),
    wait=wait_fixed(0.05),
    reraise=True,
)
def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    for table in _TABLES:
        connection.execute(table)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Only around the cache's own work: what else fails while it is open is none of its business."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise CacheUnusable(_explanation(path, str(error))) from error


def _explanation(path: Path, said: str) -> str:
    if "disk is full" in said or "No space left" in said:
        return (
            f"The disk is full, so {path} cannot take more answers: free some space and run the same"
            " command again; what was answered so far is kept."
        )
    if "not a database" in said or "malformed" in said:
        return f"{path} is not a request cache or is damaged: move it away and run again."
    return f"The request cache {path} cannot be used ({said}): check its folder's permissions and disk."
