"""The rows of a table in two versions, matched by their keys, for tables of any size.

In: a table in two folders. Out: `Matched`, the positions of rows: pairs with the same key and content, pairs
with the same key and different content, and rows without a partner. A key may occur more than once: then rows
with the same content are matched first, and the others in their order.

Memory holds two 64-bit hashes and two numbers for each row. With n million rows, the probability that two
hashes collide is n² in 37 million.
"""

import marshal
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from builders.tables.folder import Folder
from hub.changes.lineage import Hashes, Positions, batches, concatenated, hashes, keys

_SPREAD = np.int64(-0x61C8864680B583EB)
"""2**64 divided by the golden ratio: its multiples lie far apart in 64 bits."""
TextNumbers = dict[str, int]
"""A number for each text, in the order in which the texts came."""


class Rows(NamedTuple):
    """The rows of a table: hashes of their keys and contents, and numbers for their statuses and splits."""

    keys: Hashes
    contents: Hashes
    statuses: Hashes
    splits: Hashes


class Pairs(NamedTuple):
    """Positions of partners: `new[i]` in the new table belongs to `old[i]` in the old one."""

    old: Positions
    new: Positions


class Matched(NamedTuple):
    """Positions of the rows of two tables, in the order of the new table; `removed` in that of the old one.

    `same` are pairs with the same key and content, `different` pairs with the same key and different content.
    """

    same: Pairs
    different: Pairs
    removed: Positions
    added: Positions


def read_rows(
    folder: Folder,
    config: str,
    key: Sequence[str],
    content: Sequence[str],
    status: str | None,
    numbers: TextNumbers,
) -> Rows:
    """Return what is needed to match a table's rows; new statuses and splits are added to `numbers`."""
    parts = [Rows(*[concatenated([])] * 4)]
    for file in folder.files(config):
        split = numbers.setdefault(file.name.split("-")[0], len(numbers))
        for batch in batches([file], {*key, *content}):
            texts = map(_status_text, batch[status].to_pylist()) if status else [""] * len(batch)
            parts.append(
                Rows(
                    hashes(keys(batch, key)),
                    content_hashes(batch, content),
                    np.fromiter((numbers.setdefault(text, len(numbers)) for text in texts), np.int64),
                    np.full(len(batch), split, np.int64),
                )
            )
    return Rows(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def matched(old: Rows, new: Rows) -> Matched:
    """Return which rows are partners."""
    same = _pairs(*(_made_distinct(rows.keys * _SPREAD + rows.contents) for rows in (old, new)))
    unmatched = [
        np.setdiff1d(np.arange(len(rows.keys)), part) for rows, part in zip((old, new), same, strict=True)
    ]
    at = _pairs(*(_made_distinct(rows.keys[rest]) for rows, rest in zip((old, new), unmatched, strict=True)))
    different = Pairs(unmatched[0][at.old], unmatched[1][at.new])
    removed, added = (np.setdiff1d(rest, part) for rest, part in zip(unmatched, different, strict=True))
    return Matched(same, different, removed, added)


def content_hashes(batch: pa.RecordBatch, columns: Sequence[str]) -> Hashes:
    """Return a hash of each row's values in these columns: of the Python values, not of the bytes on disk."""
    rows = zip(*(batch[column].to_pylist() for column in columns), strict=True)
    return np.fromiter((hash(_bytes(row)) for row in rows), np.int64, len(batch))


def hashes_at(
    folder: Folder,
    config: str,
    columns: Sequence[str],
    rows: Positions,
    hashed: Callable[[pa.RecordBatch], Hashes],
) -> Hashes:
    """Return the hashes of the rows at these positions, in the order of the positions."""
    order = np.argsort(rows)
    values: Hashes = np.empty(len(rows), np.int64)
    values[order] = concatenated([hashed(batch) for batch in rows_at(folder, config, columns, rows[order])])
    return values


def rows_at(folder: Folder, config: str, columns: Sequence[str], rows: Positions) -> Iterator[pa.RecordBatch]:
    """Yield the rows at these positions, which must ascend; files with none of them are not read."""
    start = 0
    for file in folder.files(config):
        stop = start + pq.read_metadata(file).num_rows
        if np.searchsorted(rows, start) < np.searchsorted(rows, stop):
            for batch in batches([file], columns):
                in_batch = rows[np.searchsorted(rows, start) : np.searchsorted(rows, start + len(batch))]
                if len(in_batch):
                    yield batch.take(pa.array(in_batch - start))
                start += len(batch)
        start = stop


def grouped_rows(*labels: Hashes) -> Iterator[tuple[tuple[int, ...], Positions]]:
    """Yield the indices that have the same numbers in all arrays, grouped, each group with its numbers."""
    group: Hashes = np.zeros(len(labels[0]), np.int64)
    for numbers in labels:
        _, group = np.unique(group * (numbers.max(initial=0) + 1) + numbers, return_inverse=True)
    order = np.argsort(group, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        if len(rows):
            yield tuple(int(numbers[rows[0]]) for numbers in labels), rows


def _made_distinct(values: Hashes) -> Hashes:
    """Return distinct values: the second, third and so on of equal values are replaced.

    The replacement depends only on the value and its count, so it is the same in both versions.
    """
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    places = np.arange(len(values))
    is_first: NDArray[np.bool_] = np.ones(len(values), bool)
    is_first[1:] = ordered[1:] != ordered[:-1]
    distinct = np.empty_like(values)
    distinct[order] = ordered + _SPREAD * (places - np.maximum.accumulate(np.where(is_first, places, 0)))
    return distinct


def _pairs(old: Hashes, new: Hashes) -> Pairs:
    """Return the positions of the values that are in both arrays; the values of each must be distinct."""
    _, in_old, in_new = np.intersect1d(old, new, assume_unique=True, return_indices=True)
    order = np.argsort(in_new)
    return Pairs(in_old[order], in_new[order])


def _status_text(status: Any) -> str:
    return ", ".join(map(str, status)) if isinstance(status, list) else str(status)


def _bytes(row: tuple[Any, ...]) -> bytes:
    try:
        return marshal.dumps(row, 2)  # later formats can write the same value in several ways
    except ValueError:  # dates and decimals, which no column of codeio's has
        return repr(row).encode()
