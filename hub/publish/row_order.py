"""The row order: the rows of the next version, in the order and the files of the version before.

In: the folder to publish, and the folder of the version that the repository holds. Out: the same rows,
ordered so that what the repository has is not sent again, even if the build has new rows among them. A row
whose key is in the version before stays in its file, at its place. A file whose rows are all unchanged is
kept byte for byte; one that lost rows, or has a changed row, is written again. New rows come last, in files
of their own.

Small files do not pile up: if a changed split would have more than `MOST_SMALL`, that many are merged with
the new rows. A file is small if it has less than a hundredth of the split's rows (`_least_rows`), so merging
sends at most 8 % of the rows again. A split that grows by 1 % per version sends 1.7 % on average.

So the file and the place of a row depend on the versions before, but its content does not. The same folder
always gives the same files.

Not covered: parts of files. The Hub's storage may have most of the chunks of a file that was written again.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Dataset

from builders.schema import TABLES
from builders.tables.chunking import MIN_ROWS, ROWS
from builders.tables.folder import SPLITS, Folder, link
from hub.changes.lineage import Positions, batches, columns, concatenated
from hub.changes.matching import TextNumbers, matched, read_rows

MOST_SMALL = 8
"""The most small files that a split may have."""
_ALWAYS_SMALL_ROWS = 64
_NOWHERE = -1


class _File(NamedTuple):
    """A file of the next version: its rows' positions in the build, and the old file with the same rows."""

    split: str
    rows: Positions
    same: Path | None = None


def keep_row_order(made: Folder, before: Folder) -> None:
    """Put the tables of `made` into the order and the files of `before`. Raises VersionError."""
    scratch = made.root / ".codeio" / "row_order"
    for config in TABLES:
        both = [set(columns(folder.files(config))) for folder in (made, before)]
        if all(both) and both[0] & both[1] >= set(TABLES[config].key):
            shutil.rmtree(scratch, ignore_errors=True)
            (scratch / config).mkdir(parents=True)
            _write(made, config, _files(made, before, config, sorted(both[0] & both[1])), scratch)
    shutil.rmtree(scratch, ignore_errors=True)


def _files(made: Folder, before: Folder, config: str, shared: Sequence[str]) -> list[_File]:
    """Return the files of the next version of a table, in the order of the splits."""
    numbers: TextNumbers = {}
    old, new = (
        read_rows(folder, config, TABLES[config].key, shared, None, numbers) for folder in (before, made)
    )
    partners = matched(old, new)
    places: Positions = np.full(len(old.keys), _NOWHERE)
    for pairs in (partners.same, partners.different):
        stays = old.splits[pairs.old] == new.splits[pairs.new]
        places[pairs.old[stays]] = pairs.new[stays]
    is_same = np.isin(np.arange(len(places)), partners.same.old) & (places != _NOWHERE)
    schema = pq.read_schema(made.files(config)[0])
    old_files, start = [], 0
    for file in before.files(config):
        stop = start + pq.read_metadata(file).num_rows
        rows = places[start:stop]
        is_whole = is_same[start:stop].all() and pq.read_schema(file).equals(schema)
        split = file.name.split("-")[0]
        old_files.append(_File(split, rows[rows != _NOWHERE], file if is_whole else None))
        start = stop
    added = np.setdiff1d(np.arange(len(new.keys)), places)
    files = []
    for split in (split for split in SPLITS if split in numbers):
        kept = [file for file in old_files if file.split == split and len(file.rows)]
        files += _with_new_rows(split, kept, added[new.splits[added] == numbers[split]])
    return files


def _with_new_rows(split: str, kept: Sequence[_File], added: Positions) -> list[_File]:
    """Return the files that keep their rows, then the new files."""
    if not len(added) and all(file.same for file in kept):
        return list(kept)
    least = _least_rows(sum(len(file.rows) for file in kept) + len(added))
    small = [number for number, file in enumerate(kept) if len(file.rows) < least]
    if len(small) + bool(len(added)) > MOST_SMALL:
        added = concatenated([*(kept[number].rows for number in small[:MOST_SMALL]), added])
        kept = [file for number, file in enumerate(kept) if number not in small[:MOST_SMALL]]
    starts = range(0, len(added), ROWS)
    return [*kept, *(_File(split, added[start : start + ROWS]) for start in starts)]


def _least_rows(n_rows: int) -> int:
    """Return the fewest rows of a file that is not small, in a split of `n_rows`."""
    return min(MIN_ROWS, max(_ALWAYS_SMALL_ROWS, n_rows // 100))


def _write(made: Folder, config: str, files: Sequence[_File], scratch: Path) -> None:
    """Replace a table's files with these."""
    rows = None
    for split in SPLITS:
        of_split = [file for file in files if file.split == split]
        for number, file in enumerate(of_split):
            name = scratch / config / f"{split}-{number:05d}-of-{len(of_split):05d}.parquet"
            if file.same:
                link(file.same, name)
            else:
                rows = rows or _all_rows(made, config, scratch / "rows.arrow")
                rows.select(file.rows).to_parquet(name)
    shutil.rmtree(made.root / config)
    os.replace(scratch / config, made.root / config)


def _all_rows(made: Folder, config: str, file: Path) -> Dataset:
    """Return a table as an uncompressed file on disk, so that its rows can be read in any order."""
    schema = pq.read_schema(made.files(config)[0])
    with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_stream(sink, schema) as stream:
        for batch in batches(made.files(config), schema.names):
            stream.write_batch(batch.select(schema.names))
    return Dataset.from_file(str(file))
