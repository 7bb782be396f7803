"""The tables of a folder that anybody may have made: those that are whole, and what is wrong with others.

In: a folder. Out: `Tables`, whose rows lie in a scratch folder as Arrow files of our own, mapped into memory
as they are needed. A file that cannot be read, or has other columns, takes its whole table out, since nothing
could be said of rows that refer to it. A row that lacks what no row can do without, or repeats another's key,
is set aside by itself. These are findings of `files`, and a key that is there twice one of `ids`.

Not covered: whether what the rows hold is right.
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
from builders.tables.joins import Joined
from builders.tasks import DIRECTIONS
from builders.verifier import CanonicalError, canonical, loads
from hub.audit import unpack

BATCH_ROWS = 512
Found = Callable[[str, str, str, str], None]


class Tables:
    """`rows`: the whole tables, each row with its `split`; `counts`: rows read, by config and split.

    `ids`: of every row read, also those set aside; `whole`: of rows that can be joined with all ancestors.
    """

    def __init__(self, folder: Folder, scratch: Path, found: Found, advance: Callable[[float], None]) -> None:
        """`found` is told what is wrong, `advance` of each file that is done."""
        self.rows: dict[str, Dataset] = {}
        self.broken: list[str] = []
        self.ids: dict[str, set[str]] = {}
        self.counts: Counts = {}
        self._found = found
        with Unpacker() as unpacker:
            for config in TABLES:
                if files := folder.files(config):
                    self._read(config, files, scratch, unpacker, advance)
        self.whole = self._with_ancestors()

    def beside(self, config: str) -> Joined:
        """The rows of a table of which all ancestors are at hand, with these beside them."""
        rows, table = self.rows[config], TABLES[config]
        named = table if is_parent(table) else parents(table)[-1]
        if named.name in self.whole:
            name, whole = named.key[0], self.whole[named.name]
            indices = [index for index, row in enumerate(iterated(rows, name)) if row[name] in whole]
            rows = rows if len(indices) == len(rows) else rows.select(indices)
        joined, columns = Joined(rows), set(rows.features)
        for ancestor in ancestors(table):
            if ancestor.name in self.rows and ancestor.key[0] in columns:
                joined = joined.to(self.rows[ancestor.name], ancestor.key[0])
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
        for number, file in enumerate(sorted(files, key=_place)):
            target = scratch / f"{config}-{number}.arrow"
            problem = _misnamed(config, file) or unpacker.unpack(file, target, config)
            if problem:
                self._found("files", config, "", f"{file.name}: {problem}")
                self.broken.append(config)
            else:
                parts.append(Dataset.from_file(str(target)))
                counts = self.counts.setdefault(config, {})
                counts[_split(file)] = counts.get(_split(file), 0) + len(parts[-1])
            advance(1)
        if config not in self.broken:
            self.rows[config] = self._usable(config, concatenate_datasets(parts))

    def _usable(self, config: str, rows: Dataset) -> Dataset:
        """Set aside malformed rows and those that repeat a key."""
        table = TABLES[config]
        if not table.is_unique:
            return rows
        needed = table.required
        texts = [name for name, column in table.columns.items() if column.is_json]
        ids, seen, aside = set(), set(), set()
        for index, row in enumerate(iterated(rows, *dict.fromkeys((*needed, *texts)))):
            values = tuple(row[column] for column in table.key)
            ids.add(values[0])
            if fault := _fault(row, needed, texts):
                self._found("files", config, row_id(config, row), fault)
            elif hash(values) in seen:
                detail = f"another row has this {', '.join(table.key)}"
                self._found("ids", config, row_id(config, row), detail)
            else:
                seen.add(hash(values))
                continue
            aside.add(index)
        self.ids[config] = ids
        return rows.select([i for i in range(len(rows)) if i not in aside]) if aside else rows

    def _with_ancestors(self) -> dict[str, set[str]]:
        """For each table that others refer to, the ids of rows that can be joined with all ancestors."""
        whole: dict[str, set[str]] = {}
        for config, table in TABLES.items():
            if config not in self.rows or not is_parent(table):
                continue
            name = table.key[0]
            above = {one.key[0]: whole[one.name] for one in parents(table) if one.name in whole}
            whole[config] = {
                row[name]
                for row in iterated(self.rows[config], name, *above)
                if all(row[on] in ids for on, ids in above.items())
            }
        return whole


class Unpacker:
    """The process that reads Parquet files; another one where a file has ended it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def unpack(self, file: Path, target: Path, config: str) -> str | None:
        """Write a file's rows to `target`, an Arrow stream; returns what is wrong with it, if anything is."""
        asked = {
            "source": str(file),
            "target": str(target),
            "split": _split(file),
            "schema": base64.b64encode(_plain(TABLES[config]).serialize()).decode(),
        }
        process = self._process = self._process or _started()
        assert process.stdin
        assert process.stdout
        try:
            process.stdin.write(json.dumps(asked) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            self._end()
            return "ends the process that reads it"
        reply = json.loads(line)
        if "error" in reply:
            return str(reply["error"])
        return None if reply["n_rows"] else "has no rows, and load_dataset cannot open it"

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
    """Rows one by one, with these columns (all, without any), read a few hundred at a time."""
    chosen = rows.select_columns(list(columns)) if columns else rows
    for batch in chosen.with_format("arrow").iter(BATCH_ROWS):
        yield from batch.to_pylist()


def batches(joined: Joined, n_rows: int = BATCH_ROWS) -> Iterator[list[Row]]:
    """Joined rows, some at a time."""
    for start in range(0, len(joined), n_rows):
        yield joined.shard(start, start + n_rows).to_pylist()


def row_id(config: str, row: Row) -> str:
    """What names a row in a finding."""
    return "/".join(str(row[column]) for column in TABLES[config].key)


def _fault(row: Row, needed: Sequence[str], texts: Sequence[str]) -> str | None:
    """What a row lacks that no row can do without, or that is not in its one form."""
    for column in needed:
        if row[column] is None:
            return f"has no {column}"
    for column in texts:
        try:
            if row[column] is not None and canonical(loads(row[column])) != row[column]:
                return f"{column} is no canonical JSON"
        except CanonicalError as error:
            return f"{column} is no canonical JSON: {error}"
    if "direction" in needed and row["direction"] not in DIRECTIONS:
        return f"direction is {row['direction']}"
    if row.get("sampling") is not None and not row["sampling"].startswith("{"):
        return "sampling is no JSON object"
    return None


def _plain(table: Table) -> Any:
    return table.features.arrow_schema.remove_metadata()


def _started() -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-P", str(unpack.__file__)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def _split(file: Path) -> str:
    return file.name.split("-")[0]


def _place(file: Path) -> tuple[int, str]:
    """Train before test, as a config is read."""
    split = _split(file)
    return SPLITS.index(split) if split in SPLITS else len(SPLITS), file.name


def _misnamed(config: str, file: Path) -> str | None:
    if not file.is_file():
        return "is no file"
    if not (file.name.isascii() and file.name.isprintable()):
        return "has no plain name"
    split = _split(file)
    if split not in SPLITS:
        return f"is of no split; there are {' and '.join(SPLITS)}"
    if split == "test" and not TABLES[config].is_split:
        return "only tasks, and what is made of them, have a split for tests"
    return None
