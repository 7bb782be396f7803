"""Datasets and the Arrow tables that hold their rows.

`datasets` computes the fingerprint of each view of a table by pickling it, which takes a small build longer
than its own work. Here the fingerprint of a view is an argument or random, and rows are read as Arrow tables
in batches.
Tested in tests/builders/tables/test_folder.py.
"""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from datasets import Dataset, DatasetInfo, Features
from datasets.table import InMemoryTable
from numpy.typing import NDArray

_MAX_SPREAD = 4
"""Rows are read as one range if that range has fewer than this many times as many rows as are needed."""


def dataset(
    rows: pa.Table,
    features: Features,
    *,
    positions: Sequence[int] | NDArray[np.int64] | None = None,
    fingerprint: str | None = None,
) -> Dataset:
    """Return an Arrow table, or its rows at `positions`, as a Dataset, without copying any row."""
    indices = None if positions is None else pa.table({"indices": pa.array(positions, pa.uint64())})
    return Dataset(
        InMemoryTable(rows.replace_schema_metadata(None)),
        DatasetInfo(features=features),
        indices_table=None if indices is None else InMemoryTable(indices),
        fingerprint=fingerprint or uuid.uuid4().hex,
    )


def table(rows: Sequence[Mapping[str, Any]], features: Features) -> Dataset:
    """Return these rows as a Dataset; unlike `Dataset.from_list`, it has its columns even without rows."""
    columns = {column: [row.get(column) for row in rows] for column in features}
    return dataset(pa.table(columns, schema=features.arrow_schema), features)


def selected(rows: Dataset, positions: Sequence[int] | NDArray[np.int64]) -> Dataset:
    """Return the rows at these positions, without copying any."""
    return rows.select(positions, new_fingerprint=uuid.uuid4().hex)


def values(rows: Dataset, column: str) -> list[Any]:
    """Return the values of one column as Python values."""
    column_values: list[Any] = rows.with_format("arrow", columns=[column])[:][column].to_pylist()
    return column_values


def taken(rows: Dataset, positions: Sequence[int] | NDArray[np.int64]) -> pa.Table:
    """Return the rows at these positions of an Arrow-format Dataset; rows close together are read at once."""
    if not len(positions):
        return rows[:0]
    low, high = int(np.min(positions)), int(np.max(positions))
    if high - low < _MAX_SPREAD * len(positions):
        return rows[low : high + 1].take(pa.array(np.asarray(positions) - low))
    return rows[list(positions)]
