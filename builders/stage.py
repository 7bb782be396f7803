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
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from datasets import Dataset, Features
from numpy.typing import NDArray

from builders.errors import CodeioError
from builders.inference import Unanswered
from builders.schema import TABLES, Table
from builders.tables.arrow import dataset, table
from builders.tables.joins import Joined
from builders.verifier import canonical

Row = dict[str, Any]
MAX_CONTENT_BYTES = 16_000
# In a mapped shard a dropped row stands in these columns, and the table's own are null.
_DROPPED = TABLES["dropped"].features
_DROP = Features({f"_{column}": feature for column, feature in _DROPPED.items()})


@dataclass(frozen=True)
class Drop:
    """An input row that a stage could not use: a short reason, and the source row or reply it concerns."""

    row_id: str
    parent_id: str
    reason: str
    detail: str = ""
    content: str = ""


class OpenRows(CodeioError):
    """Some rows wait for answers that a passing failure (network, busy server) held back."""

    exit_code = 3

    def sentence(self) -> str:
        """Return what the command prints as it ends."""
        return f"{self} What was answered is kept: run the same command again to ask for the rest."


class Stage(ABC):
    """A picklable transform of rows. Subclasses give `rows` and `identity`; the rest is here.

    `makes` is the table whose rows a stage yields: it has its name, features and key unless it gives others.
    """

    makes: ClassVar[Table]
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

    asks_model: ClassVar[bool] = False
    """Whether its rows come from a model."""

    options: Any = None
    """A dataclass of `builders.options`, or None: what the user may choose of all that decides the result."""

    advance: Callable[[float], None] | None = None
    """Told the number of input rows done, for a progress bar; from any thread."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "makes" in vars(cls):
            for name in ("name", "features", "key"):
                if name not in vars(cls):
                    setattr(cls, name, getattr(cls.makes, name))

    def identity(self) -> Row:
        """Return what decides the result besides input and options, as JSON; nothing that does not."""
        return {}

    def deciding(self) -> Row:
        """Return all besides the input that decides the result, as JSON."""
        options = asdict(self.options) if self.options else {}
        return {"stage": self.name, "version": self.version, "options": options, "besides": self.identity()}

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
            if isinstance(outcome, pa.Table):
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

    def _mapped(self, tables: Joined, cache_dir: Path | None) -> Iterator[pa.Table | Unanswered]:
        """The shards in order, `shards_at_once` under way."""
        one = partial(self._shard, tables, cache_dir, canonical([self.deciding()]))
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

    def _shard(
        self, tables: Joined, cache_dir: Path | None, identity: str, start: int
    ) -> pa.Table | Unanswered:
        shard = tables.shard(start, start + self.shard_rows)
        fingerprint = _fingerprint(identity, shard)
        cache = cache_dir / f"{self.name}-{fingerprint}.arrow" if cache_dir else None
        is_known = cache is not None and cache.exists()
        try:
            mapped = self._map(dataset(shard, tables.features, fingerprint=fingerprint), cache)
        except Unanswered as error:
            return error
        if self.advance and (is_known or not self.advances_by_row):
            self.advance(len(shard))
        return mapped.data.table

    def _map(self, shard: Dataset, cache: Path | None) -> Dataset:
        if cache:
            cache.parent.mkdir(parents=True, exist_ok=True)
        return shard.map(
            self.transform,
            batched=True,
            batch_size=self.shard_rows,
            remove_columns=shard.column_names,
            features=Features({**self.features, **_DROP}),
            new_fingerprint=shard._fingerprint,
            cache_file_name=str(cache) if cache else None,
            keep_in_memory=cache is None,
            load_from_cache_file=cache is not None,
        )

    def _split(self, mapped: list[pa.Table]) -> tuple[Dataset, Dataset]:
        """Part the kept rows from the dropped, and drop those whose key stands before them.

        The shards stay mapped into memory: of a row, no more is kept than its place.
        """
        hashes = [np.fromiter(map(hash, self._keys(shard)), np.int64, len(shard)) for shard in mapped]
        values, counts = np.unique(_joined(hashes), return_counts=True)
        repeated = values[counts > 1]
        kept: list[NDArray[np.int64]] = []
        dropped: list[NDArray[np.int64]] = []
        twice: list[Row] = []
        seen: set[tuple[Any, ...]] = set()
        start, n_rows = 0, sum(map(len, mapped))
        for shard, own in zip(mapped, hashes, strict=True):
            is_kept = shard["_drop_reason"].is_null().to_numpy()
            dropped.append(start + np.flatnonzero(~is_kept))
            for index in np.flatnonzero(is_kept & np.isin(own, repeated)).tolist():
                (row,) = shard.slice(index, 1).to_pylist()
                key = tuple(row[column] for column in self.key)
                if key in seen:
                    is_kept[index] = False
                    dropped.append(np.array([n_rows + len(twice)]))
                    twice.append(self._columns(self._duplicate(row)))
                seen.add(key)
            kept.append(start + np.flatnonzero(is_kept))
            start += len(shard)
        return self._parted(mapped, _joined(kept), _joined(dropped), table(twice, _DROP).data.table)

    def _parted(
        self, mapped: list[pa.Table], kept: NDArray[np.int64], dropped: NDArray[np.int64], twice: pa.Table
    ) -> tuple[Dataset, Dataset]:
        """Return the rows at these places as the two tables; those of `twice` come after all others."""
        schema = Features({**self.features, **_DROP}).arrow_schema
        rows = pa.concat_tables([schema.empty_table(), *(shard.cast(schema) for shard in mapped)])
        drops = pa.concat_tables([rows.select(list(_DROP)), twice.cast(_DROP.arrow_schema)])
        return (
            dataset(
                rows.select(list(self.features)),
                self.features,
                positions=kept if len(kept) < len(rows) else None,
            ),
            dataset(drops.rename_columns(list(_DROPPED)), _DROPPED, positions=dropped),
        )

    def _keys(self, shard: pa.Table) -> Iterator[tuple[Any, ...]]:
        return zip(*(shard[column].to_pylist() for column in self.key), strict=True)

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


def _joined(parts: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate([np.zeros(0, np.int64), *parts])


def _fingerprint(identity: str, shard: pa.Table) -> str:
    """Name what becomes of these rows: a hash of all that decides it."""
    decides = f"{identity[:-1]},{canonical(shard.to_pylist())}]"
    return hashlib.sha256(decides.encode()).hexdigest()[:32]
