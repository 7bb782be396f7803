"""The definition of a format: which tables become which files, and how a row is laid out.

In: rows of a table, as Python values. Out: rows of a JSONL or Parquet file. JSON is written in pure ASCII:
some readers end a line at characters such as U+2028, which may be in a text.
Tested in tests/hub/export/test_export.py.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from builders.schema import TABLES, Type, features_of

BATCH_ROWS = 1000
Row = dict[str, Any]
Written = dict[tuple[str, str], int]
"""Numbers of rows, by table and split."""


@dataclass(frozen=True)
class Layout:
    """The layout of a file with the columns `types`, made from rows of the table `config`.

    `row` takes the columns `needs` of a row, its split and its number in the file, and returns the new row.
    """

    config: str
    needs: tuple[str, ...]
    types: Mapping[str, Type]
    row: Callable[[Row, str, int], Row]


@dataclass(frozen=True)
class Format:
    """A file suffix, layouts, and `extra_files`, which makes more files, by name, when the others exist."""

    suffix: str
    layouts: tuple[Layout, ...]
    extra_files: Callable[[Path, Written], dict[str, str]] = lambda folder, written: {}

    def file(self, config: str, split: str) -> str:
        """Return the name of the file that holds the rows of a table and split."""
        return f"{split}{self.suffix}" if len(self.layouts) == 1 else f"{config}_{split}{self.suffix}"


@contextmanager
def row_writer(path: Path, types: Mapping[str, Type]) -> Iterator[Callable[[list[Row]], None]]:
    """Yield a function that writes rows to a new file, Parquet or JSONL by its suffix."""
    if path.suffix == ".parquet":
        # Without the metadata of datasets: its releases before 4, which trainers pin, do not know List.
        schema = features_of(types).arrow_schema.remove_metadata()
        with pq.ParquetWriter(path, schema) as writer:
            yield lambda rows: writer.write_table(pa.Table.from_pylist(rows, schema))
    else:
        with path.open("w", encoding="ascii") as file:
            yield lambda rows: file.writelines(f"{json.dumps(row)}\n" for row in rows)


def column_types(config: str, *excluded: str) -> dict[str, Type]:
    """Return the columns of a table with their types, without the excluded ones."""
    return {column: kind for column, kind in TABLES[config].types.items() if column not in excluded}


def unchanged(row: Row, split: str, index: int) -> Row:
    """Return the row unchanged."""
    return row
