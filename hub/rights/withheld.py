"""Rows that are excluded when a folder is published, and why.

In: a folder of tables, and the licences that are allowed. Out: for each table which rows are published, and a
list of those that are not. Excluded are: a file or function whose licence is unknown or not allowed; a row
whose text holds what looks like a credential or an e-mail address; a dropped row whose origin is unknown. All
that was made of an excluded row is excluded with it.

Not covered: secrets that do not look like one, and recorded inputs and outputs, which are drawn.
Tested in tests/hub/publish/test_release.py.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from builders.masking import PrivateKeyFound, masked
from builders.schema import TABLES, Table, is_parent, parents
from builders.tables.folder import Folder
from hub.rights.licences import PERMISSIVE, may_be_published

BATCH_ROWS = 4096
Row = dict[str, Any]


@dataclass(frozen=True)
class Left:
    """A row that is excluded for its own sake, not for what it was made of; `config` is its table."""

    config: str
    row_id: str
    reason: str
    detail: str


class Withheld:
    """The excluded rows of a folder: `left` in the order of the tables, and `keeps` for each batch."""

    def __init__(self, folder: Folder, allowed: Collection[str] = PERMISSIVE) -> None:
        self.left: list[Left] = []
        self._allowed = frozenset(allowed)
        self._folder = folder
        self._unclean: dict[str, set[str]] = defaultdict(set)
        self._kept: dict[str, set[str]] = {}
        self._gone: dict[str, set[str]] = {}
        for table in TABLES.values():
            if parents(table) and not is_parent(table):
                self._search(table)
        for table in filter(is_parent, TABLES.values()):
            self._part(table)
        self._dropped = self._of_dropped()
        self.left.sort(key=lambda left: list(TABLES).index(left.config))

    def keeps(self, config: str, batch: pa.RecordBatch) -> pa.BooleanArray:
        """Return which rows of a batch of this table may be published."""
        table = TABLES[config]
        if config == "dropped":
            keys = zip(*(batch[column].to_pylist() for column in _DROPPED_KEY), strict=True)
            return pa.array([key in self._dropped for key in keys], pa.bool_())
        if not is_parent(table):
            if not parents(table):  # no licence is known
                return pa.array([False] * len(batch), pa.bool_())
            table = parents(table)[-1]
        return pc.is_in(batch[table.id_column], pa.array(self._kept[table.name], pa.string()))

    def _search(self, table: Table) -> None:
        """Note what the unclean rows of a table are made of: tables that repeat their text name only that."""
        if texts := _searched(table):
            own, above = table.key[0], parents(table)[-1]
            for row in self._rows(table.name, own, above.key[0], *texts):
                if not self._is_clean(table.name, row[own], [row[column] for column in texts]):
                    self._unclean[above.name].add(row[above.key[0]])

    def _part(self, table: Table) -> None:
        """Separate the rows to publish from the excluded ones."""
        own, above = table.key[0], {parent.name: parent.key[0] for parent in parents(table)}
        licence = [column for column in table.columns if column == "license"]
        kept: set[str] = set()
        gone: set[str] = set()
        for row in self._rows(table.name, own, *above.values(), *licence, *_searched(table)):
            (kept if self._goes_along(table, row, above) else gone).add(row[own])
        self._kept[table.name], self._gone[table.name] = kept, gone - kept

    def _goes_along(self, table: Table, row: Row, above: Mapping[str, str]) -> bool:
        """Return whether a row may be published; `above`: by parent table, the column that names it."""
        row_id = row[table.key[0]]
        if row_id in self._unclean[table.name]:
            return False
        if any(row[column] in self._gone[parent] for parent, column in above.items()):
            return False
        if not self._is_clean(table.name, row_id, [row[column] for column in _searched(table)]):
            return False
        # If what it was made of is in a table, its licence was checked there.
        if any(row[column] in self._kept[parent] for parent, column in above.items()):
            return True
        return "license" in row and self._is_allowed(table.name, row_id, row["license"])

    def _of_dropped(self) -> set[tuple[str, ...]]:
        known = set().union(*self._kept.values())
        for table in TABLES.values():
            if table.id_column and not is_parent(table) and parents(table):
                above = parents(table)[-1]
                known |= {
                    row[table.key[0]]
                    for row in self._rows(table.name, table.key[0], above.key[0])
                    if row[above.key[0]] in self._kept[above.name]
                }
        kept = set()
        for row in self._rows("dropped", *_DROPPED_KEY, *_searched(TABLES["dropped"])):
            texts = [row[column] for column in _searched(TABLES["dropped"])]
            if row["row_id"] in known or row["parent_id"] in known:
                if self._is_clean("dropped", row["row_id"], texts):
                    kept.add(tuple(row[column] for column in _DROPPED_KEY))
            elif row["stage"] == "raw_code":
                self.left.append(Left("dropped", row["row_id"], "no_licence", "a file that was not used"))
        return kept

    def _is_allowed(self, config: str, row_id: str, license: str | None) -> bool:
        if may_be_published(license, self._allowed):
            return True
        reason = "licence" if license else "no_licence"
        self.left.append(Left(config, row_id, reason, license or "no licence is known"))
        return False

    def _is_clean(self, config: str, row_id: str, texts: Collection[str | None]) -> bool:
        for text in filter(None, texts):
            try:
                if masked(text) == text:
                    continue
                detail = "holds what looks like a credential or an e-mail address"
            except PrivateKeyFound as error:
                detail = str(error)
            self.left.append(Left(config, row_id, "secret", detail))
            return False
        return True

    def _rows(self, config: str, *columns: str) -> Iterator[Row]:
        names = list(dict.fromkeys(columns))
        for file in self._folder.files(config):
            for batch in pq.ParquetFile(file).iter_batches(BATCH_ROWS, columns=names):
                yield from batch.to_pylist()


def _searched(table: Table) -> list[str]:
    """Return the columns that hold text of files and models first; other tables repeat it."""
    return [name for name, column in table.columns.items() if column.searched]


_DROPPED_KEY = ("stage", "row_id", "parent_id", "drop_reason", "drop_detail")
