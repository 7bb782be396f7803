"""The output folder, laid out as the Hub repository that it becomes.

In: tables by split. Out: `DIR/<config>/<split>-*.parquet`. `load_dataset` caches a local folder by its name
and the metadata of its README, not by its content. So the description of each config in the README has the
`digest` of its files, and rewritten data is never read from a stale cache.

Not covered: `.codeio/` (see `run`), and the text of the README (`hub.card.card`).
"""

import hashlib
import os
import shutil
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Dataset, Features, concatenate_datasets

from builders.schema import TABLES
from builders.tables.arrow import dataset, selected, table, values
from builders.tables.chunking import ranges

DEFAULT_CONFIG = "codeio_pp"
SPLITS = ("train", "test")
Counts = dict[str, dict[str, int]]


class Folder:
    """A folder of tables, one subfolder of Parquet files for each config."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, config: str, splits: dict[str, Dataset]) -> None:
        """Replace a config's files; a split without rows gets none, as an empty file breaks the config."""
        staging = self.root / ".codeio" / "staging"
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        names = set()
        for split, rows in splits.items():
            shards = ranges(values(rows, _chunking_column(config)))
            for index, shard in enumerate(shards):
                name = f"{split}-{index:05d}-of-{len(shards):05d}.parquet"
                selected(rows, shard).to_parquet(staging / name)
                names.add(name)
        (self.root / config).mkdir(exist_ok=True)
        for name in sorted(names):
            os.replace(staging / name, self.root / config / name)
        for old in self.files(config):
            if old.name not in names:
                old.unlink()
        if not names:
            (self.root / config).rmdir()
        staging.rmdir()

    def read(self, config: str) -> Dataset:
        """Return all rows of a config, train before test; an empty Dataset if it has no files."""
        files = sorted(self.files(config), key=lambda file: SPLITS.index(file.name.split("-")[0]))
        tables = [pq.read_table(file) for file in files]
        parts = [dataset(rows, Features.from_arrow_schema(rows.schema)) for rows in tables]
        return concatenate_datasets(parts) if parts else table([], TABLES[config].features)

    def columns(self, config: str, *names: str) -> pa.Table:
        """Return some columns of all rows of a config; an empty table if it has no files.

        A column that older files do not have is null.
        """
        schema = TABLES[config].schema
        parts = [pq.read_table(file, columns=list(names), schema=schema) for file in self.files(config)]
        return pa.concat_tables([schema.empty_table().select(names), *parts])

    def column(self, config: str, name: str) -> list[Any]:
        """Return the values of one column."""
        values: list[Any] = self.columns(config, name)[name].to_pylist()
        return values

    def counts(self) -> Counts:
        """Return the number of rows by config and split, without those that have no rows."""
        by_config: Counts = {}
        for config in TABLES:
            for file in self.files(config):
                split = file.name.split("-")[0]
                by_split = by_config.setdefault(config, {})
                by_split[split] = by_split.get(split, 0) + pq.read_metadata(file).num_rows
        return by_config

    def write_readme(self, text: str) -> None:
        """Replace README.md atomically."""
        written = self.root / ".codeio" / "README.md"
        written.parent.mkdir(exist_ok=True)
        written.write_text(text, encoding="utf-8")
        os.replace(written, self.root / "README.md")

    def digest(self, config: str) -> str:
        """Return a hash of the names and contents of a config's files, for its description in the README."""
        digest = hashlib.sha256()
        for path in self.files(config):
            digest.update(path.name.encode() + bytes.fromhex(sha256(path)))
        return f"sha256:{digest.hexdigest()}"

    def files(self, config: str) -> list[Path]:
        """Return the Parquet files of a config, sorted by name."""
        return sorted((self.root / config).glob("*.parquet"))


def sha256(path: Path) -> str:
    """Return the hash of a file's content; a file that did not change is not read again."""
    state = path.stat()
    return _sha256(path, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)


@lru_cache(maxsize=10_000)
def _sha256(path: Path, *state: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def link(file: Path, name: Path) -> None:
    """Hard-link a file to another name, or copy it if a link is not possible."""
    try:
        os.link(file.resolve(), name)  # files in the Hub's cache are symbolic links
    except OSError:  # another file system, or one without links
        shutil.copy(file, name)


def _chunking_column(config: str) -> str:
    """Return the key column whose values decide where a table is cut into files: the first with ids."""
    key = TABLES[config].key
    return next((column for column in key if column.endswith("_id")), key[0])
