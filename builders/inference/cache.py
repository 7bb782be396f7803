"""The request cache: it keeps every answer that was paid for, so a killed run continues without asking again.

In: a request (the payload and the model's identity; never the address, never an API key). Out: its answer or
its permanent refusal, if there ever was one. The cache is one SQLite file in WAL mode: several processes may
read and write it at the same time, and what was put survives SIGKILL. Every `open` makes its own connection,
so nothing is shared between threads or carried over a fork; a `RequestCache` is just a path, pickled as one.
Not covered: a cache on a network file system, where SQLite's locks do not hold.
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
# The tables keep their row ids: keys are hashes, so a table in the order of its keys (WITHOUT ROWID) would
# scatter new rows over the whole file, which gets twice the size and takes 2.5 times as long to write.
_TABLES = (
    "CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, answer TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS refusals (key TEXT PRIMARY KEY, reason TEXT NOT NULL, detail TEXT NOT NULL)",
)
N_KEYS_PER_QUERY = 500  # SQLite allows 999 variables in its oldest builds


def request_key(payload: dict[str, Any], identity: str) -> str:
    """Return the key of a request in the cache: a SHA-256 hash, as 64 hex digits.

    Args:
        payload: The body of a chat completion, without "model".
        identity: The model's identity (`Server.identity`), which names its weights and not its address.

    Raises:
        ValueError: The payload cannot be written as JSON.

    Example:
        >>> request_key({"messages": [{"role": "user", "content": "1 + 1?"}], "seed": 0}, "qwen2.5-coder")
        'fab4c16d5ac503a69a1f9fad03737d10f1d6976cd6143dda7ed17ec46b258479'
    """
    request = {"model": identity, "payload": payload}
    text = json.dumps(request, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


class OpenCache:
    """An open request cache, with its own connection; it belongs to the thread that opened it.

    Every method raises CacheUnusable if the file cannot be read or written.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path):
        self._connection = connection
        self._path = path

    def get(self, keys: Sequence[str]) -> dict[str, Answer | Refusal]:
        """Return the cached outcomes by key, without keys that have none; an answer wins over a refusal."""
        outcomes: dict[str, Answer | Refusal] = {}
        for start in range(0, len(keys), N_KEYS_PER_QUERY):
            batch = keys[start : start + N_KEYS_PER_QUERY]
            marks = ",".join("?" * len(batch))
            for key, reason, detail in self._run(f"SELECT * FROM refusals WHERE key IN ({marks})", batch):
                outcomes[key] = Refusal(reason, detail)
            for key, text in self._run(f"SELECT * FROM answers WHERE key IN ({marks})", batch):
                outcomes[key] = Answer.from_json(text)
        return outcomes

    def put(self, key: str, answer: Answer) -> Answer:
        """Store an answer; it is on disk when this returns or, after `begin`, at the next `commit`.

        Returns:
            The answer that the cache holds now: the first answer to a request stays.
        """
        if self._change("INSERT OR IGNORE INTO answers VALUES (?, ?)", (key, answer.to_json())):
            return answer
        first = self.get([key])[key]  # exists: no answer is ever changed or removed
        return first if isinstance(first, Answer) else answer

    def begin(self) -> None:
        """Start a transaction, so that one `commit` writes many answers: a commit is most of a put's cost."""
        self._run("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Write all that was put since `begin` to disk; if that fails, none of it is stored."""
        try:
            self._run("COMMIT")
        finally:
            self._connection.rollback()  # of a failed commit; after a successful one this does nothing

    def refuse(self, key: str, refusal: Refusal) -> None:
        """Store a permanent refusal, so that the request is not sent again."""
        self._change(
            "INSERT OR REPLACE INTO refusals VALUES (?, ?, ?)", (key, refusal.reason, refusal.detail)
        )

    def forget_refusals(self) -> int:
        """Remove all refusals, so that their requests are sent again; return how many there were."""
        with (
            _raises_cache_unusable(self._path),
            self._connection,
        ):  # both statements take effect, or neither if killed
            self.begin()
            n_refusals = self._change("DELETE FROM refusals")
            if n_refusals:
                self._run(f"PRAGMA user_version = {self.generation() + 1}")
            return n_refusals

    def generation(self) -> int:
        """Return how many times refusals were forgotten; rows made of earlier refusals are out of date."""
        return int(self._run("PRAGMA user_version")[0][0])

    def answers(self) -> Iterator[tuple[str, Answer]]:
        """Yield every key with its answer, in the order of the keys."""
        with _raises_cache_unusable(self._path):
            for key, text in self._connection.execute("SELECT key, answer FROM answers ORDER BY key"):
                yield key, Answer.from_json(text)

    def put_many(self, answers: Sequence[tuple[str, Answer]]) -> int:
        """Store answers in one transaction; return how many of them are new."""
        with _raises_cache_unusable(self._path), self._connection:  # commits, or rolls back on an error
            self.begin()
            return sum(
                self._change("INSERT OR IGNORE INTO answers VALUES (?, ?)", (key, answer.to_json()))
                for key, answer in answers
            )

    def refusals(self) -> dict[str, int]:
        """Return the number of refusals by reason."""
        rows = self._run("SELECT reason, count(*) FROM refusals GROUP BY reason ORDER BY reason")
        return {reason: int(count) for reason, count in rows}

    def __len__(self) -> int:
        (n_answers,) = self._run("SELECT count(*) FROM answers")[0]
        return int(n_answers)

    def _change(self, statement: str, values: Sequence[str] = ()) -> int:
        with _raises_cache_unusable(self._path):
            return self._connection.execute(statement, values).rowcount

    def _run(self, statement: str, values: Sequence[str] = ()) -> list[Any]:
        with _raises_cache_unusable(self._path):
            return self._connection.execute(statement, values).fetchall()


@dataclass(frozen=True)
class RequestCache:
    """The request cache in a file; several threads and processes may open it at the same time.

    Attributes:
        path: The SQLite file; it is created with its folder when the cache is first opened.

    Example:
        >>> from tempfile import mkdtemp
        >>> key = request_key({"messages": [{"role": "user", "content": "1 + 1?"}]}, "qwen2.5-coder")
        >>> with RequestCache(Path(mkdtemp()) / "requests.sqlite").open() as cache:
        ...     kept = cache.put(key, Answer("2", "", "stop", 12, 1, 0))
        ...     print(cache.get([key])[key].text)
        2
    """

    path: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", Path(self.path))

    @contextmanager
    def open(self) -> Iterator[OpenCache]:
        """Connect to the cache for a `with` block.

        Yields:
            The open cache, to be used in this thread only.

        Raises:
            CacheUnusable: The file cannot be opened, read or written; uses of the open cache raise it too.
        """
        with _raises_cache_unusable(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Autocommit: each put is its own transaction, so a kill loses no put that has returned.
            connection = sqlite3.connect(self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        with closing(connection):
            with _raises_cache_unusable(self.path):
                _prepare(connection)
            yield OpenCache(connection, self.path)


def _is_locked(error: BaseException) -> bool:
    return isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode == sqlite3.SQLITE_BUSY


# Two processes that open a new file can collide in the change to WAL mode, for which SQLite's own busy
# timeout does not wait.
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
def _raises_cache_unusable(path: Path) -> Iterator[None]:
    """Turn errors of SQLite and of the disk into CacheUnusable.

    It encloses only the cache's own work: other errors while a cache is open are not the cache's.
    """
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise CacheUnusable(_explanation(path, str(error))) from error


def _explanation(path: Path, error_text: str) -> str:
    if "disk is full" in error_text or "No space left" in error_text:
        return (
            f"The disk is full, so {path} cannot take more answers: free some space and run the same"
            " command again; what was answered so far is kept."
        )
    if "not a database" in error_text or "malformed" in error_text:
        return f"{path} is not a request cache or is damaged: move it away and run again."
    return f"The request cache {path} cannot be used ({error_text}): check its folder's permissions and disk."
