"""Tables seen side by side: the rows a stage works on, with the columns of their parents beside them.

In: a `Dataset`, and others joined to it by an id column. Out: shards, each a `Dataset` of its own, put
together only when asked for, so that a join of millions of rows costs no copy on disk.

Not covered: rows without a partner; ids come from the parent table itself, so a missing one is an error.
"""

from collections import defaultdict
from dataclasses import dataclass, field, replace

import pyarrow as pa
from datasets import Dataset, Features, List


@dataclass
class Joined:
    """The rows of `left`, each with the columns of its parents that it does not have itself."""

    left: Dataset
    parents: list[tuple[str, Dataset, dict[str, int]]] = field(default_factory=list)
    children: list[tuple[str, str, Dataset, dict[str, list[int]]]] = field(default_factory=list)

    def to(self, parent: Dataset, on: str) -> "Joined":
        """Join another table by its id column `on`, which the tables joined so far must hold."""
        rows = {row_id: index for index, row_id in enumerate(parent[on])}
        return replace(self, parents=[*self.parents, (on, parent, rows)])

    def gathering(self, name: str, child: Dataset, on: str) -> "Joined":
        """Add a list column `name` of all rows of `child` that have the same `on`, in their order."""
        rows = defaultdict(list)
        for index, row_id in enumerate(child[on]):
            rows[row_id].append(index)
        return replace(self, children=[*self.children, (name, on, child, dict(rows))])

    def __len__(self) -> int:
        return len(self.left)

    def shard(self, start: int, stop: int) -> Dataset:
        """Rows start (inclusive) to stop (exclusive, may lie beyond the end)."""
        part = self.left.select(range(start, min(stop, len(self))))
        if not self.parents and not self.children:
            return part
        table, features = part.with_format("arrow")[:], part.features.copy()
        for on, parent, rows in self.parents:
            beside = parent.with_format("arrow")[[rows[row_id] for row_id in table.column(on).to_pylist()]]
            for column in (name for name in parent.column_names if name not in features):
                table = table.append_column(column, beside.column(column))
                features[column] = parent.features[column]
        for name, on, child, groups in self.children:
            indices = [groups.get(row_id, []) for row_id in table.column(on).to_pylist()]
            rows = child.with_format("arrow")[[index for group in indices for index in group]]
            table = table.append_column(name, _lists(rows, [len(group) for group in indices]))
            features[name] = List(dict(child.features))
        return Dataset(table.replace_schema_metadata(None)).cast(Features(features))


def _lists(rows: pa.Table, lengths: list[int]) -> pa.ListArray:
    offsets = [0]
    for length in lengths:
        offsets.append(offsets[-1] + length)
    structs = rows.to_struct_array()
    flat = structs.combine_chunks() if isinstance(structs, pa.ChunkedArray) else structs
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), flat)
