"""The rows that are excluded when a folder is published, and why.

In: a folder of tables, and the licences that are allowed. Out: which rows of each table may be published, and
a list of those that may not. A file or function is excluded if its licence is unknown or not allowed, a row
if its text holds what looks like a credential or an e-mail address, and a dropped row if its origin is
unknown. Everything that was made from an excluded row is excluded too.

Not covered: secrets that do not look like secrets; recorded inputs and outputs, which are drawn at random.
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
class Exclusion:
    """A row that is excluded for itself, not for what it was made from; `config` is its table."""

    config: str
    row_id: str
    reason: str
    detail: str


class Exclusions:
    """The exclusions of a folder: `excluded` lists rows in the order of the tables, `keeps` filters a batch.

    `excluded` has only rows that are excluded for themselves, not those that were made from such rows.
    """

    def __init__(self, folder: Folder, allowed: Collection[str] = PERMISSIVE) -> None:
        self.excluded: list[Exclusion] = []
        self._allowed = frozenset(allowed)
        self._folder = folder
        self._unclean: dict[str, set[str]] = defaultdict(set)
        self._kept: dict[str, set[str]] = {}
        self._gone: dict[str, set[str]] = {}
        for table in TABLES.values():
            if parents(table) and not is_parent(table):
                self._search(table)
        for table in filter(is_parent, TABLES.values()):
            self._separate(table)
        self._dropped = self._publishable_dropped()
        self.excluded.sort(key=lambda row: list(TABLES).index(row.config))

    def keeps(self, config: str, batch: pa.RecordBatch) -> pa.BooleanArray:
        """Return which rows of a batch of this table may be published."""
        table = TABLES[config]
        if config == "dropped":
            keys = zip(*(batch[column].to_pylist() for column in _DROPPED_KEY), strict=True)
            return pa.array([key in self._dropped for key in keys], pa.bool_())
        if not is_parent(table):
            if not parents(table):  # nothing says what licence these rows have
                return pa.array([False] * len(batch), pa.bool_())
            table = parents(table)[-1]
        return pc.is_in(batch[table.id_column], pa.array(self._kept[table.name], pa.string()))

    def _search(self, table: Table) -> None:
        """Record the parents of a table's unclean rows: tables that repeat their text only name these."""
        if texts := _searched(table):
            id_column, parent = table.key[0], parents(table)[-1]
            for row in self._rows(table.name, id_column, parent.key[0], *texts):
                if not self._is_clean(table.name, row[id_column], [row[column] for column in texts]):
                    self._unclean[parent.name].add(row[parent.key[0]])

    def _separate(self, table: Table) -> None:
        """Sort the rows of a table into those to publish and those to exclude."""
        id_column, parent_columns = table.key[0], {parent.name: parent.key[0] for parent in parents(table)}
        licence = [column for column in table.columns if column == "license"]
        kept: set[str] = set()
        gone: set[str] = set()
        for row in self._rows(table.name, id_column, *parent_columns.values(), *licence, *_searched(table)):
            (kept if self._is_publishable(table, row, parent_columns) else gone).add(row[id_column])
        self._kept[table.name], self._gone[table.name] = kept, gone - kept

    def _is_publishable(self, table: Table, row: Row, parent_columns: Mapping[str, str]) -> bool:
        """Return whether a row may be published; `parent_columns` has the id column of each parent table."""
        row_id = row[table.key[0]]
        if row_id in self._unclean[table.name]:
            return False
        if any(row[column] in self._gone[parent] for parent, column in parent_columns.items()):
            return False
        if not self._is_clean(table.name, row_id, [row[column] for column in _searched(table)]):
            return False
        # If its parent is in a table, the licence was checked there.
        if any(row[column] in self._kept[parent] for parent, column in parent_columns.items()):
            return True
        return "license" in row and self._is_allowed(table.name, row_id, row["license"])

    def _publishable_dropped(self) -> set[tuple[str, ...]]:
        """Return the keys of the rows of `dropped` that may be published."""
        published = set().union(*self._kept.values())
        for table in TABLES.values():
            if table.id_column and not is_parent(table) and parents(table):
                parent = parents(table)[-1]
                published |= {
                    row[table.key[0]]
                    for row in self._rows(table.name, table.key[0], parent.key[0])
                    if row[parent.key[0]] in self._kept[parent.name]
                }
        kept = set()
        for row in self._rows("dropped", *_DROPPED_KEY, *_searched(TABLES["dropped"])):
            texts = [row[column] for column in _searched(TABLES["dropped"])]
            if row["row_id"] in published or row["parent_id"] in published:
                if self._is_clean("dropped", row["row_id"], texts):
                    kept.add(tuple(row[column] for column in _DROPPED_KEY))
            elif row["stage"] == "raw_code":
                self.excluded.append(
                    Exclusion("dropped", row["row_id"], "no_licence", "a file that was not used")
                )
        return kept

    def _is_allowed(self, config: str, row_id: str, license: str | None) -> bool:
        if may_be_published(license, self._allowed):
            return True
        reason = "licence" if license else "no_licence"
        self.excluded.append(Exclusion(config, row_id, reason, license or "no licence is known"))
        return False

    def _is_clean(self, config: str, row_id: str, texts: Collection[str | None]) -> bool:
        for text in filter(None, texts):
            try:
                if masked(text) == text:
                    continue
                detail = "holds what looks like a credential or an e-mail address"
            except PrivateKeyFound as error:
                detail = str(error)
            self.excluded.append(Exclusion(config, row_id, "secret", detail))
            return False
        return True

    def _rows(self, config: str, *columns: str) -> Iterator[Row]:
        names = list(dict.fromkeys(columns))
        for file in self._folder.files(config):
            for batch in pq.ParquetFile(file).iter_batches(BATCH_ROWS, columns=names):
                yield from batch.to_pylist()


def _searched(table: Table) -> list[str]:
    """Return the columns in which text of files and models appears first; other tables repeat it."""
    return [name for name, column in table.columns.items() if column.searched]


_DROPPED_KEY = ("stage", "row_id", "parent_id", "drop_reason", "drop_detail")
