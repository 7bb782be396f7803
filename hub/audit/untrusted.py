"""The tables of a folder that anybody may have made: those that can be read, and what is wrong with the rest.

In: a folder. Out: `Tables`, whose rows are in Arrow files that this module writes to a scratch folder and
maps into memory as they are needed. A file that cannot be read, or has different columns, excludes its whole
table, because the rows that refer to it could not be checked. A row that lacks a required value is excluded
alone, and so is one that repeats a key. Repeated keys are findings of `ids`, the others of `files`.

Not covered: whether the rows hold right values.
"""

import base64
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from datasets import Dataset, concatenate_datasets

from builders.schema import TABLES, Table, ancestors, is_parent, parents
from builders.stage import Row
from builders.tables.folder import SPLITS, Counts, Folder
from builders.tables.joins import LazyJoin
from builders.tasks import DIRECTIONS
from builders.verifier import CanonicalError, canonical, loads
from hub.audit import unpack

BATCH_ROWS = 512
AddFinding = Callable[[str, str, str, str], None]


class Tables:
    """The tables that can be read: `rows` by config, as Arrow, each row with its `split`.

    `counts` has the numbers of rows read, by config and split; `ids` the ids of all rows read, excluded ones
    too; `complete` the ids of rows that can be joined with all their ancestors; `broken` the tables that
    cannot be read.
    """

    def __init__(
        self, folder: Folder, scratch: Path, add_finding: AddFinding, advance: Callable[[float], None]
    ) -> None:
        """Read the folder; call `add_finding` with each finding, and `advance` after each file."""
        self.rows: dict[str, Dataset] = {}
        self.broken: list[str] = []
        self.ids: dict[str, set[str]] = {}
        self.counts: Counts = {}
        self._add_finding = add_finding
        with Unpacker() as unpacker:
            for config in TABLES:
                if files := folder.files(config):
                    self._read(config, files, scratch, unpacker, advance)
        self.complete = self._complete_ids()

    def with_ancestors(self, config: str) -> LazyJoin:
        """Return the rows of a table that have all their ancestors, joined with them."""
        rows, table = self.rows[config], TABLES[config]
        nearest = table if is_parent(table) else parents(table)[-1]
        if nearest.name in self.complete:
            name, complete_ids = nearest.key[0], self.complete[nearest.name]
            indices = [index for index, row in enumerate(iterated(rows, name)) if row[name] in complete_ids]
            rows = rows if len(indices) == len(rows) else rows.select(indices)
        joined, columns = LazyJoin(rows), set(rows.features)
        for ancestor in ancestors(table):
            if ancestor.name in self.rows and ancestor.key[0] in columns:
                joined = joined.join(self.rows[ancestor.name], ancestor.key[0])
                columns.update(self.rows[ancestor.name].features)
        return joined

    def _read(
        self,
        config: str,
        files: list[Path],
        scratch: Path,
        unpacker: "Unpacker",
        advance: Callable[[float], None],
    ) -> None:
        parts = []
        for number, file in enumerate(sorted(files, key=_read_order)):
            target = scratch / f"{config}-{number}.arrow"
            problem = _misnamed(config, file) or unpacker.unpack(file, target, config)
            if problem:
                self._add_finding("files", config, "", f"{file.name}: {problem}")
                self.broken.append(config)
            else:
                parts.append(Dataset.from_file(str(target)))
                counts = self.counts.setdefault(config, {})
                counts[_split(file)] = counts.get(_split(file), 0) + len(parts[-1])
            advance(1)
        if config not in self.broken:
            rows = parts[0] if len(parts) == 1 else concatenate_datasets(parts)
            self.rows[config] = self._usable(config, rows.with_format("arrow"))

    def _usable(self, config: str, rows: Dataset) -> Dataset:
        """Return the rows without malformed ones and those that repeat a key, and report these."""
        table = TABLES[config]
        if not table.is_unique:
            return rows
        required = table.required
        json_columns = [name for name, column in table.columns.items() if column.is_json]
        ids, seen, excluded = set(), set(), set()
        for index, row in enumerate(iterated(rows, *dict.fromkeys((*required, *json_columns)))):
            values = tuple(row[column] for column in table.key)
            ids.add(values[0])
            if fault := _fault(row, required, json_columns):
                self._add_finding("files", config, row_id(config, row), fault)
            elif hash(values) in seen:
                detail = f"another row has the same {', '.join(table.key)}"
                self._add_finding("ids", config, row_id(config, row), detail)
            else:
                seen.add(hash(values))
                continue
            excluded.add(index)
        self.ids[config] = ids
        return rows.select([i for i in range(len(rows)) if i not in excluded]) if excluded else rows

    def _complete_ids(self) -> dict[str, set[str]]:
        """Return for each parent table the ids of rows that can be joined with all their ancestors."""
        complete: dict[str, set[str]] = {}
        for config, table in TABLES.items():
            if config not in self.rows or not is_parent(table):
                continue
            name = table.key[0]
            above = {
                parent.key[0]: complete[parent.name] for parent in parents(table) if parent.name in complete
            }
            complete[config] = {
                row[name]
                for row in iterated(self.rows[config], name, *above)
                if all(row[column] in ids for column, ids in above.items())
            }
        return complete


class Unpacker:
    """The process that reads Parquet files; a new one starts if a file crashes it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def unpack(self, file: Path, target: Path, config: str) -> str | None:
        """Write a file's rows to `target` as an Arrow stream; return what is wrong with it, or None."""
        request = {
            "source": str(file),
            "target": str(target),
            "split": _split(file),
            "schema": base64.b64encode(_plain(TABLES[config]).serialize()).decode(),
        }
        process = self._process = self._process or _started_process()
        assert process.stdin
        assert process.stdout
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            self._end()
            return "crashes the process that reads it"
        reply = json.loads(line)
        if "error" in reply:
            return str(reply["error"])
        return None if reply["n_rows"] else "has no rows, so load_dataset cannot open it"

    def _end(self) -> None:
        if self._process:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()


def iterated(rows: Dataset, *columns: str) -> Iterator[Row]:
    """Yield rows of `Tables` one by one with these columns, or all; reads a few hundred at a time."""
    chosen = rows.select_columns(list(columns)) if columns else rows
    for batch in chosen.iter(BATCH_ROWS):
        yield from batch.to_pylist()


def batches(joined: LazyJoin, n_rows: int = BATCH_ROWS) -> Iterator[list[Row]]:
    """Yield joined rows, `n_rows` at a time."""
    for start in range(0, len(joined), n_rows):
        yield joined.shard(start, start + n_rows).to_pylist()


def row_id(config: str, row: Row) -> str:
    """Return the text that names a row in a finding: its key."""
    return "/".join(str(row[column]) for column in TABLES[config].key)


def _fault(row: Row, required: Sequence[str], json_columns: Sequence[str]) -> str | None:
    """Return which required value a row lacks, or which value does not have its one valid form."""
    for column in required:
        if row[column] is None:
            return f"has no {column}"
    for column in json_columns:
        try:
            if row[column] is not None and canonical(loads(row[column])) != row[column]:
                return f"{column} is not canonical JSON"
        except CanonicalError as error:
            return f"{column} is not canonical JSON: {error}"
    if "direction" in required and row["direction"] not in DIRECTIONS:
        return f"direction is {row['direction']}, not {' or '.join(DIRECTIONS)}"
    if row.get("sampling") is not None and not row["sampling"].startswith("{"):
        return "sampling is not a JSON object"
    return None


def _plain(table: Table) -> Any:
    return table.schema.remove_metadata()


def _started_process() -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-P", str(unpack.__file__)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def _split(file: Path) -> str:
    return file.name.split("-")[0]


def _read_order(file: Path) -> tuple[int, str]:
    """Return the sort key of a file: train before test, the order in which a config is read."""
    split = _split(file)
    return SPLITS.index(split) if split in SPLITS else len(SPLITS), file.name


def _misnamed(config: str, file: Path) -> str | None:
    if not file.is_file():
        return "is not a file"
    if not (file.name.isascii() and file.name.isprintable()):
        return "has a name that is not printable ASCII"
    split = _split(file)
    if split not in SPLITS:
        return f"has no split in its name; the splits are {' and '.join(SPLITS)}"
    if split == "test" and not TABLES[config].is_split:
        return "is in the split test, which only tasks and tables made from them have"
    return None
