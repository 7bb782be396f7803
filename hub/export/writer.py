"""The export of a version for a trainer: the files that its library reads, in a new folder.

In: a version of a dataset, the name of a format, a folder to write. Out: the folder, and the number of rows
in each file. Texts are copied unchanged, wrong answers too, with their status; each split has its own file.
Rows are written in batches, so memory does not grow with their number. The folder appears complete or not at
all.

Not covered: chat templates and tokens, which belong to the trainer.
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
from hub.export.layout import BATCH_ROWS, Format, Layout, Row, row_writer
from hub.versions import Version


def export(version: Version, name: str, out: Path) -> dict[str, int]:
    """Write a version as the files that a trainer reads.

    Args:
        version: The dataset, as `hub.versions.open_version` opens it.
        name: A format, one of `hub.export.FORMATS`: its module says which tables it takes.
        out: The folder to write; it must be new or empty.

    Returns:
        The number of rows in each file of rows, by file name.

    Raises:
        ExportError: If there is no such format, the folder is in use, the version has none of the tables
            that the format takes or lacks one of their columns, or a row cannot be laid out.

    Example:
        CodeI/O's own five columns, from a dataset of one conversation:

        >>> from tempfile import TemporaryDirectory
        >>> from builders.schema import TABLES
        >>> from builders.tables.arrow import table
        >>> from builders.tables.folder import Folder
        >>> from hub.versions import open_version
        >>> row = {"task_id": "t", "prompt": "7 + 7?", "turn_1": "14", "feedback_1": "Right."}
        >>> with TemporaryDirectory() as root:
        ...     rows = table([row], TABLES["codeio_pp"].features)
        ...     Folder(Path(root)).write("codeio_pp", {"train": rows})
        ...     print(export(open_version(root), "reference", Path(root) / "exported"))
        ...     print((Path(root) / "exported" / "train.jsonl").read_text(), end="")
        {'train.jsonl': 1}
        {"prompt": "7 + 7?", "turn_1": "14", "feedback_1": "Right.", "turn_2": null, "feedback_2": null}
    """
    out = out.resolve()
    if name not in FORMATS:
        raise ExportError(f"There is no format {name}; choose one of {', '.join(FORMATS)}.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ExportError(f"{out} is not empty: name a new folder with --out.")
    form: Format = import_module(f"hub.export.{name}").FORMAT
    counts = version.folder.counts()
    if not any(layout.config in counts for layout in form.layouts):
        configs = " or ".join(layout.config for layout in form.layouts)
        raise ExportError(
            f"{version.name} has no table {configs}, which {name} files are made from; "
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
        for file, text in form.extra_files(staging, written).items():
            (staging / file).write_text(text, encoding="utf-8")
        os.replace(staging, out)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return {form.file(config, split): n_rows for (config, split), n_rows in written.items()}


def _write(version: Version, form: Format, layout: Layout, split: str, folder: Path) -> int:
    n_rows = 0
    with row_writer(folder / form.file(layout.config, split), layout.types) as write:
        for batch in _batches(version, layout, split):
            try:
                rows = [layout.row(row, split, n_rows + index) for index, row in enumerate(batch)]
            except (ValueError, TypeError) as error:
                raise ExportError(
                    f"{version.name}: table {layout.config} has a row after row {n_rows} of {split} that"
                    f" does not fit the format ({error}). Check the data with `codeio audit`."
                ) from error
            write(rows)
            n_rows += len(rows)
    return n_rows


def _batches(version: Version, layout: Layout, split: str) -> Iterator[list[Row]]:
    """Yield the rows of a split in batches, with the columns that the layout needs."""
    for file in version.folder.files(layout.config):
        if not file.name.startswith(f"{split}-"):
            continue
        table = pq.ParquetFile(file)
        missing = [column for column in layout.needs if column not in table.schema_arrow.names]
        if missing:
            raise ExportError(
                f"{version.name}: table {layout.config} has no column {', '.join(missing)}. "
                "Build it again with this version of codeio: answers are cached, so none is requested twice."
            )
        for batch in table.iter_batches(BATCH_ROWS, columns=list(layout.needs)):
            rows: list[Row] = batch.to_pylist()
            yield rows
