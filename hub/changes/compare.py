"""The comparison of two versions of a dataset: which rows differ, how, and why.

In: two versions. Out: `Changes`: for each table the number of rows that were added, removed, regraded,
changed in other columns, or moved to another split, by reason, with a few keys. `changed_rows` yields every
key. Reasons come from the tables (`lineage`). Rows are compared in the columns that both versions have.

Not covered: how changes are shown (`changelog`).
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from builders.schema import TABLES, Table, parents
from builders.tables.folder import Folder
from hub.changes.differences import Change, Changes, Difference, Group, TableChanges
from hub.changes.lineage import (
    Hashes,
    Lineage,
    Positions,
    Why,
    batches,
    concatenated,
    hashes,
    keys,
    levels,
    missing,
    names,
)
from hub.changes.matching import (
    TextNumbers,
    content_hashes,
    grouped_rows,
    hashes_at,
    matched,
    read_rows,
    rows_at,
)
from hub.versions import Version, VersionError

N_EXAMPLES = 5
_MADE_WITH = ("model", "prompt_id")
"""The columns that say how a row was made."""


class ChangedRow(NamedTuple):
    """One row that differs; `key` has the form of `Group.examples`."""

    table: str
    change: Change
    why: Why
    key: str


class _RowGroup(NamedTuple):
    """The rows of a table that changed in the same way; `folder` is the version that has them."""

    change: Change
    why: Why
    folder: Folder
    rows: Positions


def changes(old: Version, new: Version) -> Changes:
    """Compare two versions. Raises VersionError if a table lacks its key, or a file is damaged."""
    with _readable():
        tables = {table.config: table.summary() for table in _compared(old, new)}
        return Changes(old.name, new.name, tables, _made_differently(old, new))


def changed_rows(old: Version, new: Version) -> Iterator[ChangedRow]:
    """Yield every row that differs, table by table; one that also moved comes twice. Raises VersionError."""
    with _readable():
        for table in _compared(old, new):
            for group in table.groups():
                for key in table.keys(group):
                    yield ChangedRow(table.config, group.change, group.why, key)


@contextmanager
def _readable() -> Iterator[None]:
    """Raise VersionError for a damaged file: some damage shows only when the values are read."""
    try:
        yield
    except (pa.ArrowException, UnicodeDecodeError, OSError) as error:
        raise VersionError(f"A table is damaged ({error}): fetch or build it again.") from error


def _compared(old: Version, new: Version) -> Iterator["_Compared"]:
    """Yield each table that either version has; raise VersionError if one lacks its key."""
    lineages = Lineage(old.folder), Lineage(new.folder)
    for config in TABLES:
        for version, lineage in zip((old, new), lineages, strict=True):
            _check(version, config, lineage.columns[config])
        if any(lineage.columns[config] for lineage in lineages):
            yield _Compared(config, *lineages)


def _check(version: Version, config: str, column_names: Collection[str]) -> None:
    for column in _identifying_columns(TABLES[config]):
        if column_names and column not in column_names:
            raise VersionError(
                f"The table {config} of {version.name} has no column {column}, which identifies its rows:"
                " it was not made by codeio, or is damaged."
            )


def _identifying_columns(table: Table) -> list[str]:
    """Return the columns that identify rows: their key and, if that names no thing, the parent's key."""
    is_thing = any(set(thing.columns) <= set(table.key) for thing in levels().values())
    return [*table.key, *([] if is_thing else [parent.key[0] for parent in parents(table)[-1:]])]


class _Compared:
    """A table in two versions, with its rows matched."""

    def __init__(self, config: str, old: Lineage, new: Lineage) -> None:
        self.config = config
        self._old, self._new = old, new
        self._columns = old.columns[config], new.columns[config]
        self._shared = sorted(set.intersection(*map(set, self._columns)))
        self._key = TABLES[config].key
        grade = TABLES[config].grade
        numbers: TextNumbers = {}
        self._rows = [
            read_rows(
                side.folder,
                config,
                self._key,
                self._shared or self._key,
                grade if grade in self._shared else None,
                numbers,
            )
            for side in (old, new)
        ]
        self._texts = list(numbers)
        self._matched = matched(*self._rows)

    def summary(self) -> TableChanges:
        """Return the counts, and examples of each group."""
        old, new = self._columns
        groups = [
            Group(group.change, group.why, len(group.rows), tuple(islice(self.keys(group), N_EXAMPLES)))
            for group in self.groups()
        ]
        return TableChanges(
            n_old=len(self._rows[0].keys),
            n_new=len(self._rows[1].keys),
            n_unchanged=len(self._matched.same.new),
            groups=tuple(groups),
            columns_added=tuple(sorted(set(new) - set(old))) if self._shared else (),
            columns_removed=tuple(sorted(set(old) - set(new))) if self._shared else (),
            columns_retyped=tuple(column for column in self._shared if old[column] != new[column]),
        )

    def keys(self, group: _RowGroup) -> Iterator[str]:
        """Yield the key of each row of a group."""
        for batch in rows_at(group.folder, self.config, self._key, group.rows):
            yield from keys(batch, self._key)

    def groups(self) -> Iterator[_RowGroup]:
        """Yield the groups of rows that differ, by kind of change, the largest group of each kind first."""
        old, new = self._old.folder, self._new.folder
        parts = self._matched
        yield from _largest_first("added", new, self._only_in(self._new, self._old, parts.added))
        yield from _largest_first("removed", old, self._only_in(self._old, self._new, parts.removed))
        yield from _largest_first("regraded", new, self._regraded())
        yield from _largest_first("changed", new, self._changed())
        yield from _largest_first("moved", new, self._moved())

    def _only_in(self, owner: Lineage, other: Lineage, rows: Positions) -> Iterator[tuple[Why, Positions]]:
        if not len(rows):
            return
        for level, things, indices in self._made_of(owner, rows):
            for why, positions in missing(owner, other, self.config, level, things):
                yield why, rows[indices[positions]]

    def _made_of(self, owner: Lineage, rows: Positions) -> Iterator[tuple[str, Hashes, Positions]]:
        """Yield the things that rows were made from, by level, with the indices of their rows."""
        column_names = set(owner.columns[self.config])
        if self.config == "dropped":
            yield from self._dropped_of(owner, rows)
        elif named := [thing for thing in levels().values() if set(thing.columns) <= column_names]:
            yield named[-1].name, self._named(owner, named[-1].columns, rows), np.arange(len(rows))
        else:
            yield "file", np.zeros(len(rows), np.int64), np.arange(len(rows))

    def _dropped_of(self, owner: Lineage, rows: Positions) -> Iterator[tuple[str, Hashes, Positions]]:
        """Yield the same for rows of `dropped`, where only the id shows what kind of thing a row was."""
        own, above = (self._named(owner, [column], rows) for column in ("row_id", "parent_id"))
        undecided: NDArray[np.bool_] = np.ones(len(rows), bool)
        for things in (own, owner.samples(own), above):
            for level in levels():
                of_level = undecided & owner.has(level, things)
                yield level, things[of_level], np.flatnonzero(of_level)
                undecided &= ~of_level
        yield "file", np.zeros(undecided.sum(), np.int64), np.flatnonzero(undecided)

    def _named(self, owner: Lineage, columns: Sequence[str], rows: Positions) -> Hashes:
        """Return the hashes of the names that rows have in these columns."""
        return hashes_at(
            owner.folder, self.config, columns, rows, lambda batch: hashes(names(batch, columns))
        )

    def _regraded(self) -> Iterator[tuple[Why, Positions]]:
        pairs, (old, new) = self._matched.different, self._rows
        for (was, now), indices in grouped_rows(old.statuses[pairs.old], new.statuses[pairs.new]):
            if was != now:
                yield (self._texts[was], self._texts[now]), pairs.new[indices]

    def _changed(self) -> Iterator[tuple[Why, Positions]]:
        """Yield rows by the columns in which they differ; the columns are read again, one at a time."""
        pairs, (old, new) = self._matched.different, self._rows
        is_graded_alike = old.statuses[pairs.old] == new.statuses[pairs.new]
        rows = pairs.old[is_graded_alike], pairs.new[is_graded_alike]
        if not len(rows[0]):
            return
        differs = []
        for column in self._shared:
            values = (
                hashes_at(
                    side.folder,
                    self.config,
                    [column],
                    positions,
                    lambda batch: content_hashes(batch, batch.schema.names),
                )
                for side, positions in zip((self._old, self._new), rows, strict=True)
            )
            differs.append(np.not_equal(*values).astype(np.int64))
        for bits, indices in grouped_rows(*differs):
            yield tuple(c for c, bit in zip(self._shared, bits, strict=True) if bit), rows[1][indices]

    def _moved(self) -> Iterator[tuple[Why, Positions]]:
        old, new = self._rows
        for pairs in (self._matched.same, self._matched.different):
            for (was, now), indices in grouped_rows(old.splits[pairs.old], new.splits[pairs.new]):
                if was != now:
                    yield (self._texts[was], self._texts[now]), pairs.new[indices]


def _largest_first(
    change: Change, folder: Folder, changed: Iterator[tuple[Why, Positions]]
) -> Iterator[_RowGroup]:
    """Yield one group for each reason."""
    parts = defaultdict(list)
    for why, rows in changed:
        if len(rows):
            parts[why].append(rows)
    groups = [_RowGroup(change, why, folder, np.sort(concatenated(rows))) for why, rows in parts.items()]
    yield from sorted(groups, key=lambda group: (-len(group.rows), group.why))


def _made_differently(old: Version, new: Version) -> tuple[Difference, ...]:
    """Return how they were made differently, by provenance and tables; only what both have is compared."""
    differences = []
    if old.provenance and new.provenance:
        was, now = _facts(old.provenance), _facts(new.provenance)
        differences += [
            Difference(what, was.get(what), now.get(what))
            for what in sorted({*was, *now})
            if was.get(what) != now.get(what)
        ]
    for config, table in TABLES.items():
        for column in (column for column in _MADE_WITH if column in table.columns):
            both = [_distinct(version.folder, config, column) for version in (old, new)]
            if both[0] != both[1] and all(both):
                differences.append(Difference(f"{config}.{column}", *both))
    return tuple(differences)


def _facts(provenance: Any) -> dict[str, Any]:
    """Return the facts of a provenance by their dotted names.

    A fact with several values, such as one for each build, is a sorted list.
    """
    facts = defaultdict(set)
    todo: list[tuple[tuple[str, ...], Any]] = [((), provenance)]
    while todo:
        name, value = todo.pop()
        if isinstance(value, dict):
            todo += [((*name, str(key)), item) for key, item in value.items() if (*name, key) != ("command",)]
        elif isinstance(value, list):
            todo += [(name, item) for item in value]
        elif value is not None:
            facts[".".join(name)].add(json.dumps(value))
    return {
        name: [json.loads(text) for text in sorted(texts)] if len(texts) > 1 else json.loads(*texts)
        for name, texts in facts.items()
    }


def _distinct(folder: Folder, config: str, column: str) -> list[str]:
    files = [file for file in folder.files(config) if column in pq.read_schema(file).names]
    values: set[str] = set()
    for batch in batches(files, [column]):
        values |= {str(value) for value in pc.unique(batch[column]).to_pylist()}
    return sorted(values)
