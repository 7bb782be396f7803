"""The base class of all stages: a batch transform, its fingerprint, and the rows that it drops.

In: a `Dataset` or `LazyJoin`. Out: `(kept, dropped)`. The work is a `datasets.map` over shards of a fixed
number of rows. A shard's cache file is named by the stage's identity and the shard's content, so a build that
is killed loses only its unfinished shards, and a second run computes nothing.

Not covered: the order of stages (`pipeline`), writing tables (`build`), and resuming *inside* a shard, which
the request cache does (`inference.cache`).
"""

import hashlib
import json
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
from builders.tables.joins import LazyJoin
from builders.verifier import canonical

Row = dict[str, Any]
MAX_CONTENT_BYTES = 16_000
# A mapped shard holds its dropped rows in these columns; the table's own columns are null there.
_DROPPED_FEATURES = TABLES["dropped"].features
_DROP_FEATURES = Features({f"_{column}": feature for column, feature in _DROPPED_FEATURES.items()})


@dataclass(frozen=True)
class Drop:
    """An input row that a stage could not use: its id, a short reason, and the row or reply itself."""

    row_id: str
    parent_id: str
    reason: str
    detail: str = ""
    content: str = ""


class UnansweredRows(CodeioError):
    """An error for rows without an answer because of a temporary failure (network, busy server)."""

    exit_code = 3

    def sentence(self) -> str:
        """Return the text that the command prints before it exits."""
        return f"{self} What was answered is kept: run the same command again to ask for the rest."


class Stage(ABC):
    """A picklable transform of rows, which subclasses define with `rows` and `identity`.

    `makes` is the table whose rows a stage yields. Name, features and key are those of this table, unless the
    stage sets its own.
    """

    makes: ClassVar[Table]
    name: ClassVar[str]
    version: ClassVar[int]
    """A number to increase whenever the same input would yield different rows."""
    features: ClassVar[Features]
    key: ClassVar[tuple[str, ...]]
    """Columns whose values identify a row: a second row with the same values is dropped as `duplicate`."""
    shard_rows: ClassVar[int] = 256

    shards_at_once: ClassVar[int] = 1
    """How many shards run at once: several if they wait for a model, so that its servers are never idle."""
    reports_progress: ClassVar[bool] = False
    """Whether `rows` itself reports progress (see `advance_by`)."""

    asks_model: ClassVar[bool] = False
    """Whether its rows come from a model."""

    options: Any = None
    """The options of the stage, a dataclass of `builders.options`; None if it has none."""

    advance: Callable[[float], None] | None = None
    """A function called with the number of input rows done, for a progress bar; from any thread."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "makes" in vars(cls):
            for name in ("name", "features", "key"):
                if name not in vars(cls):
                    setattr(cls, name, getattr(cls.makes, name))

    def identity(self) -> Row:
        """Return exactly what decides the result besides input and options, as JSON values."""
        return {}

    def full_identity(self) -> Row:
        """Return everything that decides the result besides the input, as JSON values."""
        options = asdict(self.options) if self.options else {}
        return {"stage": self.name, "version": self.version, "options": options, "identity": self.identity()}

    @abstractmethod
    def rows(self, rows: list[Row]) -> Iterator[Row | Drop]:
        """Yield the results of each row, in order; they may depend on no other row."""

    def transform(self, batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
        """Map a batch of columns to those of `features` and those that describe dropped rows."""
        rows = [dict(zip(batch, values, strict=True)) for values in zip(*batch.values(), strict=True)]
        columns: dict[str, list[Any]] = {column: [] for column in (*self.features, *_DROP_FEATURES)}
        for result in self.rows(rows):
            row = self._drop_columns(result) if isinstance(result, Drop) else result
            for column, values in columns.items():
                values.append(row.get(column))
        return columns

    def __call__(self, source: Dataset | LazyJoin, cache_dir: Path | None = None) -> tuple[Dataset, Dataset]:
        """Map every shard, and return the kept and the dropped rows.

        Raises UnansweredRows if a shard cannot be finished now; finished shards stay in the cache.
        """
        tables = source if isinstance(source, LazyJoin) else LazyJoin(source)
        mapped, n_open, failure = [], 0, None
        for outcome in self._map_shards(tables, cache_dir):
            if isinstance(outcome, pa.Table):
                mapped.append(outcome)
                continue
            n_open, failure = n_open + outcome.n_open, outcome
            if outcome.n_answered == 0:  # no server answers: the other shards would get no answers either
                break
        if failure:
            raise UnansweredRows(
                f"{self.name}: {n_open} requests got no answer ({failure.reason})."
            ) from failure
        return self._kept_and_dropped(mapped)

    def cancel(self) -> None:
        """Stop the threads that wait in `rows`; called when their results are not needed any more."""
        return  # most stages do not wait

    def advance_by(self, share: float) -> Callable[[float], None]:
        """Return a function that advances the progress by a number of parts, each a `share` of a row."""
        advance = self.advance
        return (lambda n_parts: advance(n_parts * share)) if advance else (lambda n_parts: None)

    def __getstate__(self) -> Row:
        return {key: value for key, value in vars(self).items() if key != "advance"}

    def _map_shards(self, tables: LazyJoin, cache_dir: Path | None) -> Iterator[pa.Table | Unanswered]:
        """Yield the results of the shards in order; `shards_at_once` of them run at the same time."""
        run_shard = partial(self._shard, tables, cache_dir, canonical([self.full_identity()]))
        starts = range(0, len(tables), self.shard_rows)
        if self.shards_at_once == 1 or len(starts) <= 1:
            yield from map(run_shard, starts)
            return
        with ThreadPoolExecutor(self.shards_at_once, "codeio-shard") as threads:
            futures = [threads.submit(run_shard, start) for start in starts]
            try:
                for future in futures:
                    yield future.result()
            except BaseException:  # an error, Ctrl+C, or the caller stopped iterating
                threads.shutdown(wait=False, cancel_futures=True)
                self.cancel()
                raise

    def _shard(
        self, tables: LazyJoin, cache_dir: Path | None, identity: str, start: int
    ) -> pa.Table | Unanswered:
        shard = tables.shard(start, start + self.shard_rows)
        fingerprint = _fingerprint(identity, shard)
        cache = cache_dir / f"{self.name}-{fingerprint}.arrow" if cache_dir else None
        is_cached = cache is not None and cache.exists()
        try:
            mapped = self._map(dataset(shard, tables.features, fingerprint=fingerprint), cache)
        except Unanswered as error:
            return error
        if self.advance and (is_cached or not self.reports_progress):
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
            features=Features({**self.features, **_DROP_FEATURES}),
            new_fingerprint=shard._fingerprint,
            cache_file_name=str(cache) if cache else None,
            keep_in_memory=cache is None,
            load_from_cache_file=cache is not None,
        )

    def _kept_and_dropped(self, mapped: list[pa.Table]) -> tuple[Dataset, Dataset]:
        """Separate kept rows from dropped ones, and drop those whose key an earlier row has.

        The shards stay memory-mapped: only the position of each row is held in memory.
        """
        hashes = [np.fromiter(map(hash, self._keys(shard)), np.int64, len(shard)) for shard in mapped]
        values, counts = np.unique(_concatenated(hashes), return_counts=True)
        repeated = values[counts > 1]
        kept: list[NDArray[np.int64]] = []
        dropped: list[NDArray[np.int64]] = []
        repeats: list[Row] = []
        seen: set[tuple[Any, ...]] = set()
        start, n_rows = 0, sum(map(len, mapped))
        for shard, shard_hashes in zip(mapped, hashes, strict=True):
            is_kept = shard["_drop_reason"].is_null().to_numpy()
            dropped.append(start + np.flatnonzero(~is_kept))
            for index in np.flatnonzero(is_kept & np.isin(shard_hashes, repeated)).tolist():
                (row,) = shard.slice(index, 1).to_pylist()
                key = tuple(row[column] for column in self.key)
                if key in seen:
                    is_kept[index] = False
                    dropped.append(np.array([n_rows + len(repeats)]))
                    repeats.append(self._drop_columns(self._duplicate(row)))
                seen.add(key)
            kept.append(start + np.flatnonzero(is_kept))
            start += len(shard)
        return self._selected(
            mapped, _concatenated(kept), _concatenated(dropped), table(repeats, _DROP_FEATURES).data.table
        )

    def _selected(
        self, mapped: list[pa.Table], kept: NDArray[np.int64], dropped: NDArray[np.int64], repeats: pa.Table
    ) -> tuple[Dataset, Dataset]:
        """Return the rows at these positions as the two tables; positions count `repeats` last."""
        schema = Features({**self.features, **_DROP_FEATURES}).arrow_schema
        rows = pa.concat_tables([schema.empty_table(), *(shard.cast(schema) for shard in mapped)])
        drops = pa.concat_tables(
            [rows.select(list(_DROP_FEATURES)), repeats.cast(_DROP_FEATURES.arrow_schema)]
        )
        return (
            dataset(
                rows.select(list(self.features)),
                self.features,
                positions=kept if len(kept) < len(rows) else None,
            ),
            dataset(drops.rename_columns(list(_DROPPED_FEATURES)), _DROPPED_FEATURES, positions=dropped),
        )

    def _keys(self, shard: pa.Table) -> Iterator[tuple[Any, ...]]:
        return zip(*(shard[column].to_pylist() for column in self.key), strict=True)

    def _duplicate(self, row: Row) -> Drop:
        """Return the drop of a row whose key an earlier row has; the content is the whole row."""
        id_column, parent = list(self.features)[:2]
        parent_id = row[parent if parent.endswith("_id") else id_column]
        content = canonical({column: row[column] for column in self.features})
        detail = f"an earlier row has this {', '.join(self.key)}"
        return Drop(str(row[id_column]), str(parent_id), "duplicate", detail, content)

    def _drop_columns(self, drop: Drop) -> Row:
        content = drop.content.encode("utf-8", "replace")[:MAX_CONTENT_BYTES].decode("utf-8", "ignore")
        return {
            "_stage": self.name,
            "_row_id": drop.row_id,
            "_parent_id": drop.parent_id,
            "_drop_reason": drop.reason,
            "_drop_detail": drop.detail,
            "_content": content,
        }


def _concatenated(parts: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate([np.zeros(0, np.int64), *parts])


def _fingerprint(identity: str, shard: pa.Table) -> str:
    """Return the fingerprint of a shard's result: a hash of everything that decides it."""
    rows = json.dumps(shard.to_pylist(), ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(f"{identity[:-1]},{rows}]".encode()).hexdigest()[:32]
