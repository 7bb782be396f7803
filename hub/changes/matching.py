"""The rows of a table in two versions, matched by their keys, however many there are.

In: a table in two folders. Out: `Matched`, the positions of rows: pairs with one content, pairs of one key
with other content, and those without a partner. A key may stand more than once: then rows of one content are
matched first, and the others in their order.

Of a row, two 64-bit hashes and two numbers are kept: for n million rows, one is taken for another with a
probability of n² in 37 million.
Tested in tests/hub/changes/test_compare.py.
"""

import marshal
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from builders.tables.folder import Folder
from hub.changes.lineage import Hashes, Positions, batches, hashes, joined, keys

_SPREAD = np.int64(-0x61C8864680B583EB)
"""Of 64 bits the golden ratio's share: its multiples lie far apart."""
Numbers = dict[str, int]
"""Numbers that stand for texts, in the order in which they came."""


class Rows(NamedTuple):
    """Of each row of a table: hashes of its key and content, and numbers of its status and split."""

    keys: Hashes
    contents: Hashes
    statuses: Hashes
    splits: Hashes


class Pairs(NamedTuple):
    """Positions in the old table and, one by one, in the new."""

    old: Positions
    new: Positions


class Matched(NamedTuple):
    """Positions of the rows of two tables, each list in the order of the new table, or of the only one."""

    same: Pairs
    other: Pairs
    removed: Positions
    added: Positions


def read(
    folder: Folder,
    config: str,
    key: Sequence[str],
    content: Sequence[str],
    status: str | None,
    known: Numbers,
) -> Rows:
    """What is needed to match a table's rows; texts of statuses and splits get their numbers in `known`."""
    parts = [Rows(*[joined([])] * 4)]
    for file in folder.files(config):
        split = known.setdefault(file.name.split("-")[0], len(known))
        for batch in batches([file], {*key, *content}):
            texts = map(_text, batch[status].to_pylist()) if status else [""] * len(batch)
            parts.append(
                Rows(
                    hashes(keys(batch, key)),
                    contents(batch, content),
                    np.fromiter((known.setdefault(text, len(known)) for text in texts), np.int64),
                    np.full(len(batch), split, np.int64),
                )
            )
    return Rows(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def matched(old: Rows, new: Rows) -> Matched:
    """Find each row's partner."""
    same = _pairs(*(_numbered(rows.keys * _SPREAD + rows.contents) for rows in (old, new)))
    left = [
        np.setdiff1d(np.arange(len(rows.keys)), part) for rows, part in zip((old, new), same, strict=True)
    ]
    at = _pairs(*(_numbered(rows.keys[some]) for rows, some in zip((old, new), left, strict=True)))
    other = Pairs(left[0][at.old], left[1][at.new])
    removed, added = (np.setdiff1d(some, part) for some, part in zip(left, other, strict=True))
    return Matched(same, other, removed, added)


def contents(batch: pa.RecordBatch, columns: Sequence[str]) -> Hashes:
    """A hash of each row's values in these columns: as they are in Python, not as a file holds them."""
    rows = zip(*(batch[column].to_pylist() for column in columns), strict=True)
    return np.fromiter((hash(_bytes(row)) for row in rows), np.int64, len(batch))


def at(
    folder: Folder,
    config: str,
    columns: Sequence[str],
    rows: Positions,
    of: Callable[[pa.RecordBatch], Hashes],
) -> Hashes:
    """What `of` makes of the rows at these positions, in the order of the positions."""
    order = np.argsort(rows)
    found: Hashes = np.empty(len(rows), np.int64)
    found[order] = joined([of(batch) for batch in taken(folder, config, columns, rows[order])])
    return found


def taken(folder: Folder, config: str, columns: Sequence[str], rows: Positions) -> Iterator[pa.RecordBatch]:
    """The rows at these positions, which ascend; files without any of them are passed over."""
    start = 0
    for file in folder.files(config):
        stop = start + pq.read_metadata(file).num_rows
        if np.searchsorted(rows, start) < np.searchsorted(rows, stop):
            for batch in batches([file], columns):
                some = rows[np.searchsorted(rows, start) : np.searchsorted(rows, start + len(batch))]
                if len(some):
                    yield batch.take(pa.array(some - start))
                start += len(batch)
        start = stop


def alike(*labels: Hashes) -> Iterator[tuple[tuple[int, ...], Positions]]:
    """The indices that have the same numbers in all arrays, with these numbers."""
    group: Hashes = np.zeros(len(labels[0]), np.int64)
    for one in labels:
        _, group = np.unique(group * (one.max(initial=0) + 1) + one, return_inverse=True)
    order = np.argsort(group, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        if len(rows):
            yield tuple(int(one[rows[0]]) for one in labels), rows


def _numbered(values: Hashes) -> Hashes:
    """Make values distinct: the second of one value, the third and so on get another, the same everywhere."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    places = np.arange(len(values))
    is_first: NDArray[np.bool_] = np.ones(len(values), bool)
    is_first[1:] = ordered[1:] != ordered[:-1]
    found = np.empty_like(values)
    found[order] = ordered + _SPREAD * (places - np.maximum.accumulate(np.where(is_first, places, 0)))
    return found


def _pairs(old: Hashes, new: Hashes) -> Pairs:
    """The positions of what stands in both; all are distinct."""
    _, in_old, in_new = np.intersect1d(old, new, assume_unique=True, return_indices=True)
    order = np.argsort(in_new)
    return Pairs(in_old[order], in_new[order])


def _text(status: Any) -> str:
    return ", ".join(map(str, status)) if isinstance(status, list) else str(status)


def _bytes(row: tuple[Any, ...]) -> bytes:
    try:
        return marshal.dumps(row, 2)  # in later formats the same value may be written in several ways
    except ValueError:  # a column of ours it never is: dates, decimals
        return repr(row).encode()
