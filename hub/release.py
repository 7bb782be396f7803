"""A folder made ready for the Hub: the rows that may be published, and what ships beside them.

In: a built folder, and what is wanted of it. Out: `Release`, a folder laid out as the repository. Files of
which every row goes along are linked, not written again, so that they stay the same from version to version.

Not covered: the card (`card`) and the upload (`publish`).
"""

import os
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Dataset

import prompts
from builders.folder import Folder
from builders.schema import TABLES
from hub import io_prediction, verifier
from hub.licences import PERMISSIVE
from hub.withheld import BATCH_ROWS, Left, Withheld


@dataclass(frozen=True)
class Release:
    """The folder to publish, and the rows that stay behind by themselves."""

    folder: Folder
    left: list[Left]


def release(
    source: Folder, configs: Collection[str] = tuple(TABLES), allowed: Collection[str] = PERMISSIVE
) -> Release:
    """Lay out what may be published of `source`, in its `.codeio/release`; what was there goes."""
    root = source.root / ".codeio" / "release"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    withheld, made = Withheld(source, allowed), Folder(root)
    for config in configs:
        _lay_out(source, made, config, withheld)
    for module in (verifier, io_prediction):
        shutil.copy(str(module.__file__), root)
    (root / "prompts").mkdir()
    for file in sorted(Path(str(prompts.__file__)).parent.glob("*.md")):
        shutil.copy(file, root / "prompts")
    return Release(made, withheld.left)


def _lay_out(source: Folder, made: Folder, config: str, withheld: Withheld) -> None:
    files = source.files(config)
    if all(_all_kept(file, config, withheld) for file in files):
        for file in files:
            (made.root / config).mkdir(exist_ok=True)
            _link(file, made.root / config / file.name)
        return
    splits: dict[str, list[Path]] = {}
    for file in files:
        splits.setdefault(file.name.split("-")[0], []).append(file)
    scratch = made.root / ".codeio"
    scratch.mkdir(exist_ok=True)
    kept = {}
    for split, parts in splits.items():
        filtered, n_rows = scratch / f"{config}-{split}.parquet", 0
        with pq.ParquetWriter(filtered, TABLES[config].arrow_schema) as writer:
            for part in parts:
                for batch in _batches(part):
                    some = batch.filter(withheld.keeps(config, batch))
                    writer.write_batch(some)
                    n_rows += some.num_rows
        if n_rows:  # datasets cannot read a file without any
            kept[split] = Dataset.from_parquet(str(filtered), cache_dir=str(scratch / "cache"))
    made.write(config, kept)


def _all_kept(file: Path, config: str, withheld: Withheld) -> bool:
    return all(all(withheld.keeps(config, batch).to_pylist()) for batch in _batches(file))


def _batches(file: Path) -> Iterator[pa.RecordBatch]:
    yield from pq.ParquetFile(file).iter_batches(BATCH_ROWS)


def _link(file: Path, name: Path) -> None:
    try:
        os.link(file, name)
    except OSError:  # another file system, or one without links
        shutil.copy(file, name)
