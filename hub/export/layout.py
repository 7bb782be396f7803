"""What a format is: which tables become which files, and how a row is laid out.

In: rows of a table, as Python values. Out: rows of a JSONL or Parquet file. JSON is written in ASCII alone:
some readers end a line at characters such as U+2028, which texts may hold.
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
"""Rows by table and split."""


@dataclass(frozen=True)
class Layout:
    """How rows of the table `config` become rows of a file with the columns `types`.

    `row` is given the columns `needs` of a row, its split, and its number in the file.
    """

    config: str
    needs: tuple[str, ...]
    types: Mapping[str, Type]
    row: Callable[[Row, str, int], Row]


@dataclass(frozen=True)
class Format:
    """Files of one kind, and what lies `beside` them: texts by file name, made when the files are there."""

    suffix: str
    layouts: tuple[Layout, ...]
    beside: Callable[[Path, Written], dict[str, str]] = lambda folder, written: {}

    def file(self, config: str, split: str) -> str:
        """The name of the file with the rows of a table and split."""
        return f"{split}{self.suffix}" if len(self.layouts) == 1 else f"{config}_{split}{self.suffix}"


@contextmanager
def writing(path: Path, types: Mapping[str, Type]) -> Iterator[Callable[[list[Row]], None]]:
    """Yield what writes rows to a new file, whose suffix tells its kind."""
    if path.suffix == ".parquet":
        # Without what datasets notes beside it: its releases before 4, which trainers pin, know no List.
        schema = features_of(types).arrow_schema.remove_metadata()
        with pq.ParquetWriter(path, schema) as writer:
            yield lambda rows: writer.write_table(pa.Table.from_pylist(rows, schema))
    else:
        with path.open("w", encoding="ascii") as file:
            yield lambda rows: file.writelines(f"{json.dumps(row)}\n" for row in rows)


def kept(config: str, *left_out: str) -> dict[str, Type]:
    """The columns of a table but those that are laid out otherwise."""
    return {column: kind for column, kind in TABLES[config].types.items() if column not in left_out}


def as_it_is(row: Row, split: str, index: int) -> Row:
    """The row, unchanged."""
    return row
