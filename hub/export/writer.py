"""A version laid out for a trainer: the files that its library reads, in a folder of their own.

In: a version of a dataset, the name of a format, a folder to write. Out: the folder, and the rows of each
file. Texts go over as they are, wrong answers too, with their status beside them; splits stay apart, each in
its own file. Rows pass through in batches, so memory does not grow with their number, and the folder is there
complete or not at all.

Not covered: chat templates and tokens, which are the trainer's own.
Tested in tests/hub/export/test_export.py.
"""

import os
import shutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pyarrow.parquet as pq

from builders.tables.folder import SPLITS
from hub.export import FORMATS, ExportError
from hub.export.layout import BATCH_ROWS, Format, Layout, Row, writing
from hub.versions import Version


def export(version: Version, name: str, out: Path) -> dict[str, int]:
    """Write a version in the format of that name; returns the rows of each file. Raises ExportError."""
    out = out.resolve()
    if name not in FORMATS:
        raise ExportError(f"There is no format {name}; choose one of {', '.join(FORMATS)}.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ExportError(f"{out} is not empty: name a new folder with --out.")
    form: Format = import_module(f"hub.export.{name}").FORMAT
    counts = version.folder.counts()
    if not any(layout.config in counts for layout in form.layouts):
        wanted = " or ".join(layout.config for layout in form.layouts)
        raise ExportError(
            f"{version.name} has no table {wanted}, of which {name} files are made; "
            f"it has {', '.join(counts)}. Let the build run to its end."
        )
    staging = out.with_name(f".{out.name}.writing")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    try:
        written = {
            (layout.config, split): _write(version, form, layout, split, staging)
            for layout in form.layouts
            for split in SPLITS
            if split in counts.get(layout.config, {})
        }
        for file, text in form.beside(staging, written).items():
            (staging / file).write_text(text, encoding="utf-8")
        os.replace(staging, out)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return {form.file(config, split): n_rows for (config, split), n_rows in written.items()}


def _write(version: Version, form: Format, layout: Layout, split: str, folder: Path) -> int:
    n_rows = 0
    with writing(folder / form.file(layout.config, split), layout.types) as write:
        for batch in _batches(version, layout, split):
            try:
                rows = [layout.row(row, split, n_rows + index) for index, row in enumerate(batch)]
            except (ValueError, TypeError) as error:
                raise ExportError(
                    f"{version.name}: table {layout.config} has a row after row {n_rows} of {split} that"
                    f" cannot be laid out ({error}). Look at it with `codeio audit`."
                ) from error
            write(rows)
            n_rows += len(rows)
    return n_rows


def _batches(version: Version, layout: Layout, split: str) -> Iterator[list[Row]]:
    """The rows of a split, some at a time, with the columns that the layout needs."""
    for file in version.folder.files(layout.config):
        if not file.name.startswith(f"{split}-"):
            continue
        table = pq.ParquetFile(file)
        missing = [column for column in layout.needs if column not in table.schema_arrow.names]
        if missing:
            raise ExportError(
                f"{version.name}: table {layout.config} has no column {', '.join(missing)}. "
                "Build it anew with this version of codeio: answers are kept, none is asked for twice."
            )
        for batch in table.iter_batches(BATCH_ROWS, columns=list(layout.needs)):
            rows: list[Row] = batch.to_pylist()
            yield rows
