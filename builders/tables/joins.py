"""Tables seen side by side: the rows a stage works on, with the columns of their parents beside them.

In: a `Dataset`, and others joined to it by an id column. Out: shards, each an Arrow table of its own, put
together only when asked for, so that a join of millions of rows costs no copy on disk.

Not covered: rows without a partner; ids come from the parent table itself, so a missing one is an error.
Tested in tests/builders/test_stage.py.
"""

from collections import defaultdict
from dataclasses import dataclass, field, replace
from functools import cached_property

import pyarrow as pa
from datasets import Dataset, Features, List

from builders.tables.arrow import taken, values


@dataclass
class Joined:
    """The rows of `left`, each with the columns of its parents that it does not have itself."""

    left: Dataset
    parents: list[tuple[str, Dataset, dict[str, int]]] = field(default_factory=list)
    children: list[tuple[str, str, Dataset, dict[str, list[int]]]] = field(default_factory=list)

    def to(self, parent: Dataset, on: str) -> "Joined":
        """Join another table by its id column `on`, which the tables joined so far must hold."""
        rows = {row_id: index for index, row_id in enumerate(values(parent, on))}
        return replace(self, parents=[*self.parents, (on, parent.with_format("arrow"), rows)])

    def gathering(self, name: str, child: Dataset, on: str) -> "Joined":
        """Add a list column `name` of all rows of `child` that have the same `on`, in their order."""
        rows = defaultdict(list)
        for index, row_id in enumerate(values(child, on)):
            rows[row_id].append(index)
        return replace(self, children=[*self.children, (name, on, child.with_format("arrow"), dict(rows))])

    def __len__(self) -> int:
        return len(self.left)

    @cached_property
    def features(self) -> Features:
        """The columns of a shard, with their types."""
        found = Features(self.left.features)
        for _, parent, _ in self.parents:
            found.update({name: kind for name, kind in parent.features.items() if name not in found})
        for name, _, child, _ in self.children:
            found[name] = List(dict(child.features))
        return found

    def shard(self, start: int, stop: int) -> pa.Table:
        """Rows start (inclusive) to stop (exclusive, may lie beyond the end)."""
        table = self._rows[start : min(stop, len(self))]
        for on, parent, rows in self.parents:
            beside = taken(parent, [rows[row_id] for row_id in table.column(on).to_pylist()])
            for column in (name for name in parent.column_names if name not in table.column_names):
                table = table.append_column(column, beside.column(column))
        for name, on, child, groups in self.children:
            indices = [groups.get(row_id, []) for row_id in table.column(on).to_pylist()]
            gathered = taken(child, [index for group in indices for index in group])
            table = table.append_column(name, _lists(gathered, [len(group) for group in indices]))
        return table.cast(self.features.arrow_schema)

    @cached_property
    def _rows(self) -> Dataset:
        return self.left.with_format("arrow")


def _lists(rows: pa.Table, lengths: list[int]) -> pa.ListArray:
    offsets = [0]
    for length in lengths:
        offsets.append(offsets[-1] + length)
    structs = rows.to_struct_array()
    flat = structs.combine_chunks() if isinstance(structs, pa.ChunkedArray) else structs
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), flat)
