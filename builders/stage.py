"""The one base of all stages: a batch transform, its fingerprint, and the rows it could not use.

In: a `Dataset` (or `Joined` tables). Out: `(kept, dropped)`. The work is a `datasets.map` over shards of a
fixed number of rows; a shard's cache file is named by the stage's identity and the shard's content, so a kill
costs the shard under way and a second run computes nothing.

Not covered: order between stages and writing tables (`pipeline`), and resuming *inside* a shard, which is the
request cache's part (`inference.cache`).
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from datasets import Dataset, Features, concatenate_datasets

from builders.inference import Unanswered
from builders.schema import DROPPED, table
from builders.tables.joins import Joined
from builders.verifier import canonical

Row = dict[str, Any]
MAX_CONTENT_BYTES = 16_000
# In a mapped shard a dropped row stands in these columns, and the table's own are null.
_DROP = Features({f"_{column}": feature for column, feature in DROPPED.items()})


@dataclass(frozen=True)
class Drop:
    """An input row that a stage could not use: a short reason, and the source row or reply it concerns."""

    row_id: str
    parent_id: str
    reason: str
    detail: str = ""
    content: str = ""


class OpenRows(Exception):
    """Some rows wait for answers that a passing failure (network, busy server) held back."""


class Stage(ABC):
    """A picklable transform of rows. Subclasses give `rows` and `identity`; the rest is here."""

    name: ClassVar[str]
    version: ClassVar[int]
    """Counts up whenever the same input would yield other rows."""
    features: ClassVar[Features]
    key: ClassVar[tuple[str, ...]]
    """Columns in which no two rows may agree: the second is dropped as `duplicate`."""
    shard_rows: ClassVar[int] = 256

    shards_at_once: ClassVar[int] = 1
    """More than one where rows wait for answers: the servers stay full while a shard waits for its last."""
    advances_by_row: ClassVar[bool] = False
    """Whether `rows` itself tells of progress (see `advancing`)."""

    advance: Callable[[float], None] | None = None
    """Told the number of input rows done, for a progress bar; from any thread."""

    @abstractmethod
    def identity(self) -> Row:
        """Everything besides the input that decides the result, as JSON; nothing that does not."""

    @abstractmethod
    def rows(self, rows: list[Row]) -> Iterator[Row | Drop]:
        """Yield what becomes of these rows, in their order; each row's result depends on that row alone."""

    def transform(self, batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
        """Map a batch of columns to the columns of `features` plus those that tell of dropped rows."""
        rows = [dict(zip(batch, values, strict=True)) for values in zip(*batch.values(), strict=True)]
        out: dict[str, list[Any]] = {column: [] for column in (*self.features, *_DROP)}
        for row in self.rows(rows):
            full = self._columns(row) if isinstance(row, Drop) else row
            for column, values in out.items():
                values.append(full.get(column))
        return out

    def __call__(self, source: Dataset | Joined, cache_dir: Path | None = None) -> tuple[Dataset, Dataset]:
        """Map every shard; raises OpenRows when one cannot be finished now (the others are kept)."""
        tables = source if isinstance(source, Joined) else Joined(source)
        mapped, n_open, failure = [], 0, None
        for outcome in self._mapped(tables, cache_dir):
            if isinstance(outcome, Dataset):
                mapped.append(outcome)
                continue
            n_open, failure = n_open + outcome.n_open, outcome
            if outcome.n_answered == 0:  # nobody answers: the other shards would fare no better
                break
        if failure:
            raise OpenRows(f"{self.name}: {n_open} requests got no answer ({failure.reason}).") from failure
        return self._split(mapped)

    def abandon(self) -> None:
        """End what other threads wait for in `rows`; called once the outcome is no longer wanted."""
        return  # most wait for nothing

    def advancing(self, share: float) -> Callable[[float], None]:
        """What to call with the number of things done, each of them a `share` of an input row."""
        advance = self.advance
        return (lambda n_things: advance(n_things * share)) if advance else (lambda n_things: None)

    def __getstate__(self) -> Row:
        return {key: value for key, value in vars(self).items() if key != "advance"}

    def _mapped(self, tables: Joined, cache_dir: Path | None) -> Iterator[Dataset | Unanswered]:
        """The shards in order, `shards_at_once` under way."""
        one = partial(self._shard, tables, cache_dir)
        starts = range(0, len(tables), self.shard_rows)
        if self.shards_at_once == 1 or len(starts) <= 1:
            yield from map(one, starts)
            return
        with ThreadPoolExecutor(self.shards_at_once, "codeio-shard") as threads:
            futures = [threads.submit(one, start) for start in starts]
            try:
                for future in futures:
                    yield future.result()
            except BaseException:  # an error, Ctrl+C, or whoever iterates has seen enough
                threads.shutdown(wait=False, cancel_futures=True)
                self.abandon()
                raise

    def _shard(self, tables: Joined, cache_dir: Path | None, start: int) -> Dataset | Unanswered:
        shard = tables.shard(start, start + self.shard_rows)
        fingerprint = self._fingerprint(shard)
        cache = cache_dir / f"{self.name}-{fingerprint}.arrow" if cache_dir else None
        is_known = cache is not None and cache.exists()
        try:
            mapped = self._map(shard, fingerprint, cache)
        except Unanswered as error:
            return error
        if self.advance and (is_known or not self.advances_by_row):
            self.advance(len(shard))
        return mapped

    def _fingerprint(self, shard: Dataset) -> str:
        content = shard.with_format("arrow")[:].to_pylist()
        decides = canonical([self.name, self.version, self.identity(), content])
        return hashlib.sha256(decides.encode()).hexdigest()[:32]

    def _map(self, shard: Dataset, fingerprint: str, cache: Path | None) -> Dataset:
        if cache:
            cache.parent.mkdir(parents=True, exist_ok=True)
        return shard.map(
            self.transform,
            batched=True,
            batch_size=self.shard_rows,
            remove_columns=shard.column_names,
            features=Features({**self.features, **_DROP}),
            new_fingerprint=fingerprint,
            cache_file_name=str(cache) if cache else None,
            keep_in_memory=cache is None,
            load_from_cache_file=cache is not None,
        )

    def _split(self, mapped: list[Dataset]) -> tuple[Dataset, Dataset]:
        """Part the kept rows from the dropped, and drop those whose key stands before them."""
        kept, dropped = [table([], self.features)], [table([], DROPPED)]
        suspects = self._suspects(mapped)
        seen: set[tuple[Any, ...]] = set()
        for shard in mapped:
            used, lost, twice = [], [], []
            for index, (reason, key) in enumerate(zip(shard["_drop_reason"], self._keys(shard), strict=True)):
                if reason is not None:
                    lost.append(index)
                elif key in seen:
                    twice.append(self._columns(self._duplicate(shard[index])))
                else:
                    if hash(key) in suspects:
                        seen.add(key)
                    used.append(index)
            kept.append(shard.select(used).select_columns(list(self.features)))
            dropped.append(_uncovered(shard.select(lost).select_columns(list(_DROP))))
            dropped.append(_uncovered(table(twice, _DROP)))
        return concatenate_datasets(kept), concatenate_datasets(dropped)

    def _keys(self, shard: Dataset) -> Iterator[tuple[Any, ...]]:
        return zip(*(shard[column] for column in self.key), strict=True)

    def _suspects(self, mapped: list[Dataset]) -> set[int]:
        """Hashes that more than one key has: of millions of rows, eight bytes each are kept, not the keys."""
        hashes = np.concatenate(
            [
                np.zeros(0, np.int64),
                *(np.fromiter(map(hash, self._keys(shard)), np.int64) for shard in mapped),
            ]
        )
        values, counts = np.unique(hashes, return_counts=True)
        return set(values[counts > 1].tolist())

    def _duplicate(self, row: Row) -> Drop:
        """The drop of a row whose key stands before it; its content tells which one it was."""
        own, parent = list(self.features)[:2]
        parent_id = row[parent if parent.endswith("_id") else own]
        content = canonical({column: row[column] for column in self.features})
        return Drop(
            row[own], parent_id, "duplicate", f"an earlier row has this {', '.join(self.key)}", content
        )

    def _columns(self, drop: Drop) -> Row:
        content = drop.content.encode("utf-8", "replace")[:MAX_CONTENT_BYTES].decode("utf-8", "ignore")
        return {
            "_stage": self.name,
            "_row_id": drop.row_id,
            "_parent_id": drop.parent_id,
            "_drop_reason": drop.reason,
            "_drop_detail": drop.detail,
            "_content": content,
        }


def _uncovered(rows: Dataset) -> Dataset:
    return rows.rename_columns({column: column[1:] for column in _DROP})
