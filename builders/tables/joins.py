"""Lazy joins: the rows that a stage works on, together with the columns of their parents.

In: a `Dataset`, and others to join to it by an id column. Out: shards, each an Arrow table that is joined
only when it is read, so that a join of millions of rows needs no copy on disk.

Not covered: rows without a parent; ids come from the parent table itself, so a missing one is an error.
Tested in tests/builders/test_stage.py.
"""

from collections import defaultdict
from dataclasses import dataclass, field, replace
from functools import cached_property

import pyarrow as pa
from datasets import Dataset, Features, List

from builders.tables.arrow import taken, values


@dataclass
class LazyJoin:
    """The rows of `left`, each with the columns of its parents that `left` lacks, and lists of children."""

    left: Dataset
    parents: list[tuple[str, Dataset, dict[str, int]]] = field(default_factory=list)
    children: list[tuple[str, str, Dataset, dict[str, list[int]]]] = field(default_factory=list)

    def join(self, parent: Dataset, on: str) -> "LazyJoin":
        """Return this with the columns of `parent`, whose id column `on` must also be a column here."""
        rows = {row_id: index for index, row_id in enumerate(values(parent, on))}
        return replace(self, parents=[*self.parents, (on, parent.with_format("arrow"), rows)])

    def join_list(self, name: str, child: Dataset, on: str) -> "LazyJoin":
        """Return this with a list column `name`: for each row, the rows of `child` with the same `on`."""
        rows = defaultdict(list)
        for index, row_id in enumerate(values(child, on)):
            rows[row_id].append(index)
        return replace(self, children=[*self.children, (name, on, child.with_format("arrow"), dict(rows))])

    def __len__(self) -> int:
        return len(self.left)

    @cached_property
    def features(self) -> Features:
        """The columns of a shard, with their types."""
        features = Features(self.left.features)
        for _, parent, _ in self.parents:
            features.update({name: kind for name, kind in parent.features.items() if name not in features})
        for name, _, child, _ in self.children:
            features[name] = List(dict(child.features))
        return features

    def shard(self, start: int, stop: int) -> pa.Table:
        """Return the rows from start (inclusive) to stop (exclusive; may be beyond the end)."""
        table = self._rows[start : min(stop, len(self))]
        for on, parent, rows in self.parents:
            parent_rows = taken(parent, [rows[row_id] for row_id in table.column(on).to_pylist()])
            for column in (name for name in parent.column_names if name not in table.column_names):
                table = table.append_column(column, parent_rows.column(column))
        for name, on, child, groups in self.children:
            row_groups = [groups.get(row_id, []) for row_id in table.column(on).to_pylist()]
            child_rows = taken(child, [index for group in row_groups for index in group])
            table = table.append_column(name, _lists(child_rows, [len(group) for group in row_groups]))
        return table.cast(self.features.arrow_schema)

    @cached_property
    def _rows(self) -> Dataset:
        return self.left.with_format("arrow")


def _lists(rows: pa.Table, lengths: list[int]) -> pa.ListArray:
    """Return the rows as consecutive lists of structs of these lengths."""
    offsets = [0]
    for length in lengths:
        offsets.append(offsets[-1] + length)
    structs = rows.to_struct_array()
    flat = structs.combine_chunks() if isinstance(structs, pa.ChunkedArray) else structs
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), flat)
