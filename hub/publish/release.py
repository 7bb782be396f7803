"""A folder laid out for the Hub: the rows that may be published, and the files that ship with them.

In: a built folder, the tables to publish, and the version that is already published. Out: `Release`, a folder
laid out like the repository. A file whose rows may all be published is linked, not written again.

Not covered: which row is in which file (`row_order`), the upload (`upload`), and what changed since the
version before (`next_version`).
"""

import json
import shutil
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Dataset
from jinja2 import TemplateError

import prompts
from builders.formats import NUMBERS, check_rules
from builders.running.provenance import FILE, provenance
from builders.schema import TABLES
from builders.tables.counts import status_counts
from builders.tables.folder import SPLITS, Folder, link
from hub.card.card import card
from hub.figures import save, statuses_figure
from hub.layout import SHIPPED
from hub.publish.row_order import keep_row_order
from hub.publish.upload import PublishError
from hub.rights.excluded import BATCH_ROWS, Exclusion, Exclusions
from hub.rights.licences import PERMISSIVE


@dataclass(frozen=True)
class Release:
    """The folder to publish, the rows excluded on their own account, and the provenance of the data."""

    folder: Folder
    excluded: list[Exclusion]
    facts: dict[str, Any]


def prepare_release(
    source: Folder,
    configs: Collection[str] | None = None,
    allowed: Collection[str] = PERMISSIVE,
    before: Folder | None = None,
    model_licences: Mapping[str, str | None] | None = None,
) -> Release:
    """Lay out what may be published of `source` in its `.codeio/release`, which is emptied first.

    `configs` are the tables to publish, by default all. Rows that are also in the version `before` keep its
    order and files. Raises VersionError if `before` is damaged, and what
    `checked_provenance` raises.
    """
    recorded = checked_provenance(source)
    root = source.root / ".codeio" / "release"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    exclusions, laid_out = Exclusions(source, allowed), Folder(root)
    for config in TABLES if configs is None else configs:
        _lay_out(source, laid_out, config, exclusions)
    if before:
        keep_row_order(laid_out, before)
    for name, file in SHIPPED.items():
        shutil.copy(file, root / name)
    (root / "prompts").mkdir()
    for file in sorted(Path(str(prompts.__file__)).parent.glob("*.md")):
        shutil.copy(file, root / "prompts")
    if exclusions.excluded:
        recorded["left_behind"] = dict(sorted(Counter(row.reason for row in exclusions.excluded).items()))
    if model_licences:
        recorded["model_licences"] = dict(model_licences)
    if set(allowed) != PERMISSIVE:
        recorded["licenses_allowed"] = sorted(allowed)
    (root / FILE).write_text(
        json.dumps({**NUMBERS, **recorded}, indent=2, sort_keys=True) + "\n", encoding="utf-8"
    )
    return Release(laid_out, exclusions.excluded, recorded)


def write_card(release: Release, name: str, changelog: str) -> None:
    """Write the card and its figure for the folder as it is now; `name` is the repository's."""
    if counts := status_counts(release.folder):
        save(statuses_figure(counts), release.folder.root / "pictures" / "statuses.png")
    with _readable():
        release.folder.write_readme(card(release.folder, release.facts, name, changelog))


def checked_provenance(source: Folder) -> dict[str, Any]:
    """Return the provenance of a folder.

    Raises FormatMismatch or PublishError if another version of codeio made the folder, or a file is damaged.
    """
    with _readable():
        recorded = provenance(source.root)
    check_rules(str(source.root), recorded)
    _check_files(source)
    return recorded


@contextmanager
def _readable() -> Iterator[None]:
    """Raise PublishError if the provenance does not have the form that codeio writes."""
    try:
        yield
    except (ValueError, LookupError, TypeError, AttributeError, TemplateError) as error:
        raise PublishError(
            f"The provenance ({FILE} or .codeio/run.json) cannot be used ({error}): build the folder again."
        ) from error


def _check_files(source: Folder) -> None:
    """Raise PublishError if a file is not one that this version of codeio writes."""
    for config, table in TABLES.items():
        expected = table.schema
        for file in source.files(config):
            try:
                schema = pq.read_schema(file) if file.is_file() else None
            except (pa.ArrowException, OSError) as error:
                raise PublishError(f"{file} cannot be read ({error}): build it again.") from error
            if schema is None or not any(fnmatch(file.name, f"{split}-*.parquet") for split in SPLITS):
                raise PublishError(f"{file} is not a file that codeio wrote: remove it.")
            if not schema.equals(expected, check_metadata=False):
                different = {field.name for field in set(schema) ^ set(expected)} or {"their order"}
                raise PublishError(
                    f"{file} was made by another version of codeio (its columns differ in"
                    f" {', '.join(sorted(different))}). Build it again: answers come from the cache, and no"
                    " request is sent twice."
                )


def _lay_out(source: Folder, laid_out: Folder, config: str, exclusions: Exclusions) -> None:
    """Write the rows of a table that may be published."""
    files = [file for file in source.files(config) if pq.read_metadata(file).num_rows]
    if all(_all_kept(file, config, exclusions) for file in files):
        for file in files:
            (laid_out.root / config).mkdir(exist_ok=True)
            link(file, laid_out.root / config / file.name)
        return
    splits: dict[str, list[Path]] = {}
    for file in files:
        splits.setdefault(file.name.split("-")[0], []).append(file)
    scratch = laid_out.root / ".codeio"
    scratch.mkdir(exist_ok=True)
    kept = {}
    for split, parts in splits.items():
        filtered, n_rows = scratch / f"{config}-{split}.parquet", 0
        with pq.ParquetWriter(filtered, TABLES[config].schema) as writer:
            for part in parts:
                for batch in _batches(part):
                    rows = batch.filter(exclusions.keeps(config, batch))
                    writer.write_batch(rows)
                    n_rows += rows.num_rows
        if n_rows:  # datasets cannot read a file without rows
            kept[split] = Dataset.from_parquet(str(filtered), cache_dir=str(scratch / "cache"))
    laid_out.write(config, kept)


def _all_kept(file: Path, config: str, exclusions: Exclusions) -> bool:
    return all(all(exclusions.keeps(config, batch).to_pylist()) for batch in _batches(file))


def _batches(file: Path) -> Iterator[pa.RecordBatch]:
    yield from pq.ParquetFile(file).iter_batches(BATCH_ROWS)
