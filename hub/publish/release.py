"""A folder made ready for the Hub: the rows that may be published, and what ships beside them.

In: a built folder, the tables to publish, and the version that is already published. Out: `Release`, a folder
laid out as the repository. A file whose rows may all be published is linked, not written again.

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
from builders.tables.counts import statuses
from builders.tables.folder import SPLITS, Folder, link
from hub.card.card import card
from hub.figures import save, statuses_figure
from hub.layout import SHIPPED
from hub.publish.row_order import keep_row_order
from hub.publish.upload import PublishError
from hub.rights.licences import PERMISSIVE
from hub.rights.withheld import BATCH_ROWS, Left, Withheld


@dataclass(frozen=True)
class Release:
    """The folder to publish, the rows excluded for their own sake, and the provenance of the data."""

    folder: Folder
    left: list[Left]
    facts: dict[str, Any]


def release(
    source: Folder,
    configs: Collection[str] | None = None,
    allowed: Collection[str] = PERMISSIVE,
    before: Folder | None = None,
    model_licences: Mapping[str, str | None] | None = None,
) -> Release:
    """Lay out what may be published of `source` in its `.codeio/release`, which is emptied first.

    Only the tables `configs`, or all. Rows that the version `before` also has keep its order and files.
    Raises VersionError if `before` is damaged, and what `usable` raises.
    """
    told = usable(source)
    root = source.root / ".codeio" / "release"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    withheld, made = Withheld(source, allowed), Folder(root)
    for config in TABLES if configs is None else configs:
        _lay_out(source, made, config, withheld)
    if before:
        keep_row_order(made, before)
    for name, file in SHIPPED.items():
        shutil.copy(file, root / name)
    (root / "prompts").mkdir()
    for file in sorted(Path(str(prompts.__file__)).parent.glob("*.md")):
        shutil.copy(file, root / "prompts")
    if withheld.left:
        told["left_behind"] = dict(sorted(Counter(left.reason for left in withheld.left).items()))
    if model_licences:
        told["model_licences"] = dict(model_licences)
    if set(allowed) != PERMISSIVE:
        told["licenses_allowed"] = sorted(allowed)
    (root / FILE).write_text(
        json.dumps({**NUMBERS, **told}, indent=2, sort_keys=True) + "\n", encoding="utf-8"
    )
    return Release(made, withheld.left, told)


def describe(made: Release, name: str, changelog: str) -> None:
    """Write the card and its figure from what the folder holds now; `name` is the repository's."""
    if found := statuses(made.folder):
        save(statuses_figure(found), made.folder.root / "pictures" / "statuses.png")
    with _readable():
        made.folder.write_readme(card(made.folder, made.facts, name, changelog))


def usable(source: Folder) -> dict[str, Any]:
    """Return the provenance of a folder.

    Raises OtherFormat or PublishError unless the folder is as this codeio makes it.
    """
    with _readable():
        told = provenance(source.root)
    check_rules(str(source.root), told)
    _refuse_others(source)
    return told


@contextmanager
def _readable() -> Iterator[None]:
    """Raise PublishError if the provenance does not have the shape that codeio writes."""
    try:
        yield
    except (ValueError, LookupError, TypeError, AttributeError, TemplateError) as error:
        raise PublishError(
            f"What tells how it was made ({FILE} or .codeio/run.json) is of no use ({error}): build it anew."
        ) from error


def _refuse_others(source: Folder) -> None:
    """Raise PublishError if a file is not as this version of codeio writes it."""
    for config, table in TABLES.items():
        wanted = table.features.arrow_schema
        for file in source.files(config):
            try:
                found = pq.read_schema(file) if file.is_file() else None
            except (pa.ArrowException, OSError) as error:
                raise PublishError(f"{file} cannot be read ({error}): build it again.") from error
            if found is None or not any(fnmatch(file.name, f"{split}-*.parquet") for split in SPLITS):
                raise PublishError(f"{file} is no file that codeio wrote: take it away.")
            if not found.equals(wanted, check_metadata=False):
                different = {field.name for field in set(found) ^ set(wanted)} or {"their order"}
                raise PublishError(
                    f"{file} was made by another version of codeio (its columns differ in"
                    f" {', '.join(sorted(different))}). Build it anew: answers are kept, none is asked for"
                    " twice."
                )


def _lay_out(source: Folder, made: Folder, config: str, withheld: Withheld) -> None:
    files = [file for file in source.files(config) if pq.read_metadata(file).num_rows]
    if all(_all_kept(file, config, withheld) for file in files):
        for file in files:
            (made.root / config).mkdir(exist_ok=True)
            link(file, made.root / config / file.name)
        return
    splits: dict[str, list[Path]] = {}
    for file in files:
        splits.setdefault(file.name.split("-")[0], []).append(file)
    scratch = made.root / ".codeio"
    scratch.mkdir(exist_ok=True)
    kept = {}
    for split, parts in splits.items():
        filtered, n_rows = scratch / f"{config}-{split}.parquet", 0
        with pq.ParquetWriter(filtered, TABLES[config].features.arrow_schema) as writer:
            for part in parts:
                for batch in _batches(part):
                    some = batch.filter(withheld.keeps(config, batch))
                    writer.write_batch(some)
                    n_rows += some.num_rows
        if n_rows:  # datasets cannot read a file without rows
            kept[split] = Dataset.from_parquet(str(filtered), cache_dir=str(scratch / "cache"))
    made.write(config, kept)


def _all_kept(file: Path, config: str, withheld: Withheld) -> bool:
    return all(all(withheld.keeps(config, batch).to_pylist()) for batch in _batches(file))


def _batches(file: Path) -> Iterator[pa.RecordBatch]:
    yield from pq.ParquetFile(file).iter_batches(BATCH_ROWS)
