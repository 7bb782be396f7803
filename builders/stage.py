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
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from datasets import Dataset, Features, concatenate_datasets

from builders.inference import Unanswered
from builders.joins import Joined
from builders.schema import DROPPED, table
from hub.verifier import canonical

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

    advance: Callable[[int], None] | None = None
    """Told the number of input rows done, for a progress bar."""

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
        for start in range(0, len(tables), self.shard_rows):
            shard = tables.shard(start, start + self.shard_rows)
            try:
                mapped.append(self._map(shard, cache_dir))
            except Unanswered as error:
                n_open, failure = n_open + error.n_open, error
                if error.n_answered == 0:  # nobody answers: the other shards would fare no better
                    break
            else:
                if self.advance:
                    self.advance(len(shard))
        if failure:
            raise OpenRows(f"{self.name}: {n_open} requests got no answer ({failure.reason}).") from failure
        return self._split(mapped)

    def __getstate__(self) -> Row:
        return {key: value for key, value in vars(self).items() if key != "advance"}

    def _map(self, shard: Dataset, cache_dir: Path | None) -> Dataset:
        content = shard.with_format("arrow")[:].to_pylist()
        decides = canonical([self.name, self.version, self.identity(), content])
        fingerprint = hashlib.sha256(decides.encode()).hexdigest()[:32]
        cache = None
        if cache_dir:
            cache_dir.mkdir(parents=True, exist_ok=True)
            cache = str(cache_dir / f"{self.name}-{fingerprint}.arrow")
        return shard.map(
            self.transform,
            batched=True,
            batch_size=self.shard_rows,
            remove_columns=shard.column_names,
            features=Features({**self.features, **_DROP}),
            new_fingerprint=fingerprint,
            cache_file_name=cache,
            keep_in_memory=cache is None,
            load_from_cache_file=cache is not None,
        )

    def _split(self, mapped: list[Dataset]) -> tuple[Dataset, Dataset]:
        """Part the kept rows from the dropped, and drop those whose key stands before them."""
        kept, dropped = [table([], self.features)], [table([], DROPPED)]
        seen: set[tuple[Any, ...]] = set()
        for shard in mapped:
            used, lost, twice = [], [], []
            keys = zip(*(shard[column] for column in self.key), strict=True)
            for index, (reason, key) in enumerate(zip(shard["_drop_reason"], keys, strict=True)):
                if reason is not None:
                    lost.append(index)
                elif key in seen:
                    twice.append(self._columns(self._duplicate(shard[index])))
                else:
                    seen.add(key)
                    used.append(index)
            kept.append(shard.select(used).select_columns(list(self.features)))
            dropped.append(_uncovered(shard.select(lost).select_columns(list(_DROP))))
            dropped.append(_uncovered(table(twice, _DROP)))
        return concatenate_datasets(kept), concatenate_datasets(dropped)

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
