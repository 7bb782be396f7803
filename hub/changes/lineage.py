"""The lineage of a version's rows: what they were made from, and what of that another version lacks.

In: folders of tables. Out: `Lineage`, the things that a folder's tables name, each with the thing that it
was made from. For rows that only one version has, `missing` yields the first of the things they come from
that the other version lacks, or why it was dropped there. A thing is a file, function, pair, task, sample or
turn; these are the levels, from the topmost down. A thing exists in a version if any table names it, so this
also works for a version without some tables. Nothing is guessed: if no table of the other version names
things of a level, none of that level counts as missing.

Things are kept as 64-bit hashes of their names, which differ from process to process. With n million things,
the probability that two hashes collide is n² in 37 million.

Not covered: what is in a row (`compare`).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from builders.schema import TABLES, Thing, Type
from builders.tables.folder import Folder
from hub.rights.excluded import BATCH_ROWS
from hub.versions import VersionError

Hashes: TypeAlias = NDArray[np.int64]
Positions: TypeAlias = NDArray[np.int64]
"""Positions of rows, counted through all files of a table in their order."""
Why = tuple[str, ...]

PLACE = ("source", "path")
_NOTHING = 0
"""The hash that stands for a missing name."""
_NONE: Hashes = np.zeros(0, np.int64)


def levels() -> dict[str, Thing]:
    """Return the kinds of things by level; each comes from one of the level above, a file from its place."""
    return {thing.name: thing for table in TABLES.values() for thing in table.things}


def _above(level: str) -> tuple[str, ...]:
    """Return the columns that name what the things of a level are made from."""
    names_above = [PLACE, *(thing.columns for thing in levels().values())]
    return names_above[list(levels()).index(level)]


def _named_by_answer() -> dict[str, str]:
    """Return the stages that name a dropped row by its answer's id, each with the level of what it drops."""
    of_samples = {table.name: "sample" for table in TABLES.values() if "sample" in table.key}
    return {levels()["turn"].made_by: "turn", **of_samples}


def _naming_columns() -> dict[str, Type]:
    """Return the columns that name things, with their types."""
    named = {*PLACE, "parent_id"}.union(*(table.key for table in TABLES.values()))
    named.update(column for thing in levels().values() for column in thing.columns)
    types = (item for table in TABLES.values() for item in table.types.items())
    return {name: kind for name, kind in types if name in named}


class Lineage:
    """The things that the tables of a folder name, and what its stages dropped.

    `columns` holds, for each table, the columns that all its files have, with their types.
    """

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.columns = {config: columns(folder.files(config)) for config in TABLES}
        self._things = self._all_things()
        self._dropped, self._reasons = self._all_dropped()

    def has_level(self, level: str) -> bool:
        """Return whether any table names things of this level."""
        return len(self._things[level][0]) > 0

    def has(self, level: str, things: Hashes) -> NDArray[np.bool_]:
        """Return which of these things exist here."""
        ids, _ = self._things[level]
        return values_at(ids, ids, things) != _NOTHING

    def above(self, level: str, things: Hashes) -> Hashes:
        """Return what each thing is made from, one level up; `_NOTHING` if no table says."""
        return values_at(*self._things[level], things)

    def drop_reasons(self, stage: str, things: Hashes) -> Hashes:
        """Return why this stage dropped each thing, as a number for `reason`; 0 if it did not drop it."""
        dropped, reasons = self._dropped.get(stage, (_NONE, _NONE))
        return values_at(dropped, reasons, things)

    def reason(self, number: int) -> str:
        """Return the text of a reason."""
        return self._reasons[number - 1]

    def chain(self, level: str, things: Hashes) -> list[tuple[str, Hashes, Hashes]]:
        """Return all levels down to this one, the topmost first: name, things, and their origins."""
        links, level_names = [], list(levels())
        for name in reversed(level_names[: level_names.index(level) + 1]):
            above = self.above(name, things)
            links.append((name, things, above))
            things = above
        return links[::-1]

    def samples(self, answers: Hashes) -> Hashes:
        """Return the samples that these answers belong to; `_NOTHING` if no table says."""
        return self._of_answers(answers, "sample")

    def _of_answers(self, answers: Hashes, level: str) -> Hashes:
        """Return the samples of answers or, for the level `turn`, the turns that would follow them."""
        wanted = ("response_id", *levels()["turn"].columns)
        if not set(wanted) <= set(self.columns["turns"]):
            return np.zeros_like(answers)
        searched, answers_found, things = np.unique(answers), [], []
        for batch in batches(self.folder.files("turns"), wanted):
            ids = hashes(names(batch, ["response_id"]))
            is_wanted = values_at(searched, searched, ids) != _NOTHING
            if not is_wanted.any():
                continue
            rows = batch.filter(pa.array(is_wanted))
            at = rows.schema.get_field_index("turn")
            following = rows.set_column(at, "turn", pc.add(rows["turn"], 1))
            answers_found.append(ids[is_wanted])
            things.append(hashes(names(following, levels()[level].columns)))
        return values_at(*_distinct(concatenated(answers_found), concatenated(things)), answers)

    def _all_things(self) -> dict[str, tuple[Hashes, Hashes]]:
        """Return the things of each level, sorted, and what each is made from; every table is read once."""
        things = dict.fromkeys(levels(), (_NONE, _NONE))
        for config, column_names in self.columns.items():
            if config == "dropped":
                continue
            thing_and_parent = {
                level: (thing.columns, _above(level) if set(_above(level)) <= set(column_names) else ())
                for level, thing in levels().items()
                if set(thing.columns) <= set(column_names)
            }
            kinds = {*chain.from_iterable(thing_and_parent.values())}
            parts: dict[tuple[str, ...], list[Hashes]] = defaultdict(list)
            for batch in batches(self.folder.files(config), {*chain.from_iterable(kinds)}):
                for kind in kinds:
                    nothing: Hashes = np.zeros(len(batch), np.int64)
                    parts[kind].append(hashes(names(batch, kind)) if kind else nothing)
            for level, (own, above) in thing_and_parent.items():
                known, made_of = things[level]
                things[level] = _distinct(
                    concatenated([known, *parts[own]]), concatenated([made_of, *parts[above]])
                )
        return things

    def _all_dropped(self) -> tuple[dict[str, tuple[Hashes, Hashes]], list[str]]:
        """Return what each stage dropped, sorted, with numbers for the reasons; and the reasons."""
        column_names = ("stage", "row_id", "drop_reason")
        if not set(column_names) <= set(self.columns["dropped"]):
            return {}, []
        rows: dict[str, list[tuple[Hashes, Hashes]]] = defaultdict(list)
        numbers: dict[str, int] = {}
        for batch in batches(self.folder.files("dropped"), column_names):
            stages, ids = names(batch, ["stage"]), hashes(names(batch, ["row_id"]))
            texts = keys(batch, ["drop_reason"])
            reasons = np.array([numbers.setdefault(text, len(numbers) + 1) for text in texts], np.int64)
            for stage in filter(None, set(stages)):
                of_stage = np.array([name == stage for name in stages])
                rows[stage].append((ids[of_stage], reasons[of_stage]))
        dropped = {}
        for stage, parts in rows.items():
            things, why = (concatenated(list(part)) for part in zip(*parts, strict=True))
            if level := _named_by_answer().get(stage):
                things = self._of_answers(things, level)
            dropped[stage] = _distinct(things, why)
        return dropped, list(numbers)


def missing(
    owner: Lineage, other: Lineage, config: str, level: str, things: Hashes
) -> Iterator[tuple[Why, Positions]]:
    """Yield why rows of `config` are only in `owner`: each reason with the indices of its rows.

    `things` are what the rows were made from, all of one level. The reason is the level of the topmost thing
    that `other` lacks, or `dropped` with stage and reason if `other` recorded that it dropped that thing. If
    `other` lacks none, the reason is `table` (it has no such table), `request` (the rows are answers to a
    different request) or `row`.
    """
    undecided = np.arange(len(things))
    for name, all_of_level, all_above in owner.chain(level, things):
        here, above = all_of_level[undecided], all_above[undecided]
        lacks = (here != _NOTHING) & ~other.has(name, here)
        stage = levels()[name].made_by
        drops = other.drop_reasons(stage, here)
        drops = np.where(lacks, np.where(drops, drops, other.drop_reasons(stage, above)), 0)
        yield from _by_drop(other, stage, drops, undecided)
        decided = drops != 0
        if other.has_level(name):
            if (rest := lacks & ~decided).any():
                yield (name,), undecided[rest]
            decided |= lacks
        undecided = undecided[~decided]
    drops = other.drop_reasons(config, things[undecided])
    yield from _by_drop(other, config, drops, undecided)
    if len(left := undecided[drops == 0]):
        if not other.folder.files(config):
            yield ("table",), left
        else:
            yield ("request" if "request" in TABLES[config].hashed else "row",), left


def _by_drop(
    other: Lineage, stage: str, drops: Hashes, undecided: Positions
) -> Iterator[tuple[Why, Positions]]:
    for number in np.unique(drops[drops != 0]).tolist():
        yield ("dropped", stage, other.reason(number)), undecided[drops == number]


def columns(files: Iterable[Path]) -> dict[str, pa.DataType]:
    """Return the columns that all files have, with their types; none if there are no files."""
    naming = _naming_columns()
    schemas = [_schema(file, naming) for file in files]
    return {
        field.name: field.type
        for field in (schemas[0] if schemas else ())
        if all(field.name in schema.names for schema in schemas)
    }


def _schema(file: Path, naming: Mapping[str, Type]) -> pa.Schema:
    try:
        if not file.is_file():
            raise VersionError(f"{file} is not a file: fetch or build it again.")
        schema = pq.read_schema(file)
    except (pa.ArrowException, OSError) as error:
        raise VersionError(f"{file} is damaged ({error}): fetch or build it again.") from error
    if len(set(schema.names)) < len(schema.names):
        raise VersionError(f"{file} has a column twice: it was not made by codeio.")
    for field in schema:
        if naming.get(field.name) == "int64":
            is_fit = pa.types.is_integer(field.type)
        else:
            is_fit = pa.types.is_string(field.type) or pa.types.is_large_string(field.type)
        if field.name in naming and not is_fit:
            raise VersionError(
                f"{file}: its column {field.name} is {field.type}, which cannot name a row:"
                " it was not made by codeio."
            )
    return schema


def batches(files: Iterable[Path], column_names: Iterable[str]) -> Iterator[pa.RecordBatch]:
    """Yield these columns of all rows in the files, `BATCH_ROWS` at a time. Raises VersionError."""
    for file in files:
        try:
            yield from pq.ParquetFile(file).iter_batches(BATCH_ROWS, columns=sorted(column_names))
        except (pa.ArrowException, OSError) as error:
            raise VersionError(f"{file} is damaged ({error}): fetch or build it again.") from error


def names(batch: pa.RecordBatch, column_names: Sequence[str]) -> list[str | None]:
    """Return the name of each row: the texts of these columns, joined by a slash; None if one is null."""
    return _joined_texts(batch, column_names, "emit_null")


def keys(batch: pa.RecordBatch, column_names: Sequence[str]) -> list[str]:
    """Return the same for columns in which a null counts as an empty text."""
    return _joined_texts(batch, column_names, "replace")


def hashes(texts: Iterable[str | None]) -> Hashes:
    """Return a hash for each name; `_NOTHING` for None."""
    return np.fromiter((_NOTHING if text is None else hash(text) for text in texts), np.int64)


def values_at(keys: Hashes, values: Hashes, wanted: Hashes) -> Hashes:
    """Return the value of each wanted key, or 0 if it is not in `keys`, which must be sorted and distinct."""
    if not len(keys):
        return np.zeros(len(wanted), np.int64)
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where((keys[at] == wanted) & (wanted != _NOTHING), values[at], 0)


def concatenated(parts: list[Hashes]) -> Hashes:
    """Return the concatenated arrays; an empty one if there are none."""
    return np.concatenate([_NONE, *parts])


def _joined_texts(batch: pa.RecordBatch, column_names: Sequence[str], nulls: str) -> list[Any]:
    texts = [batch[column].cast(pa.string()) for column in column_names]
    joined_texts: list[Any] = pc.binary_join_element_wise(*texts, "/", null_handling=nulls).to_pylist()
    return joined_texts


def _distinct(keys: Hashes, values: Hashes) -> tuple[Hashes, Hashes]:
    """Return each key once, sorted, with its first value that is not `_NOTHING`; drop keys that are."""
    order = np.lexsort((values == _NOTHING, keys))
    keys, values = keys[order], values[order]
    first = keys != _NOTHING
    first[1:] &= keys[1:] != keys[:-1]
    return keys[first], values[first]
