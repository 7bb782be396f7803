"""Rows of functions where they lie: JSONL (also gzipped) or Parquet, a folder of such files, a Hub dataset.

In: a source. Out: a row for each line, as JSON text with its place, read once into a cache on disk. Lines are
read as they are: `datasets` would infer types for them, and lose digits of numbers on the way. A table of no
known layout is refused by its first row; what later rows hold is for `function_lines` to say.

Not covered: folders and Hub datasets as codeio makes them (`imports`), and other formats.
"""

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Dataset
from datasets.exceptions import DatasetGenerationError
from huggingface_hub import HfApi, hf_hub_download

from builders.schema import features_of
from builders.sources.code_files import SourceError, files_below
from builders.sources.function_rows import COLUMNS, layout_of

SUFFIXES = (".jsonl", ".jsonl.gz", ".parquet")
_FEATURES = features_of({"place": "string", "text": "string"})
_VERSION = 1
"""Counts up whenever the same files would give other rows."""


def lines(source: str, cache_dir: Path, limit: int | None = None) -> Dataset:
    """The rows of all files of a source (columns `place`, `text`), up to a limit; raises SourceError."""
    files = _local(Path(source)) if Path(source).exists() else _published(source)
    if not files:
        raise SourceError(f"{source} holds no table of functions: give {', '.join(SUFFIXES)} files.")
    state = [(name, path.stat().st_size, path.stat().st_mtime_ns) for name, path in files]
    decides = json.dumps([_VERSION, limit, state])
    try:
        return Dataset.from_generator(
            _rows,
            features=_FEATURES,
            cache_dir=str(cache_dir),
            gen_kwargs={"files": tuple(files), "limit": limit},
            fingerprint=hashlib.sha256(decides.encode()).hexdigest()[:32],
        )
    except DatasetGenerationError as error:
        raise error.__cause__ or error from None


def _local(path: Path) -> list[tuple[str, Path]]:
    """Files by the names that their rows are told by."""
    root = path if path.is_dir() else path.parent
    found = [(str(file.relative_to(root)), file) for file in files_below(path)]
    return found if path.is_file() else [(name, file) for name, file in found if name.endswith(SUFFIXES)]


def _published(repo_id: str) -> list[tuple[str, Path]]:
    try:
        info = HfApi().dataset_info(repo_id)
        names = sorted(file.rfilename for file in info.siblings or [])
        return [
            (name, Path(hf_hub_download(repo_id, name, repo_type="dataset", revision=info.sha)))
            for name in names
            if name.endswith(SUFFIXES)
        ]
    except Exception as error:  # what the client raises differs between its major versions
        raise SourceError(
            f"{repo_id} is no path here, and the Hub does not give it ({error}). "
            "Give an existing folder or file, or a dataset as OWNER/NAME."
        ) from error


def _rows(files: tuple[tuple[str, Path], ...], limit: int | None) -> Iterator[dict[str, str]]:
    n_rows = 0
    for row in islice((row for name, path in files for row in _of_file(name, path)), limit):
        yield row
        n_rows += 1
    if not n_rows:  # datasets has no name for a table that nothing was read into
        raise SourceError(f"{', '.join(name for name, _ in files[:3])}: no row is in there.")


def _of_file(name: str, path: Path) -> Iterator[dict[str, str]]:
    texts = _parquet_rows(path) if name.endswith(".parquet") else _json_lines(name, path)
    is_known = False
    try:
        for number, text in enumerate(texts, 1):
            if text.strip():
                is_known = is_known or _is_known(f"{name}:{number}", text)
                yield {"place": f"{name}:{number}", "text": text}
    except (OSError, ValueError, EOFError, zlib.error, pa.ArrowException) as error:
        raise SourceError(
            f"{name} cannot be read ({error}). Give JSON lines, gzipped or not, or a whole Parquet file."
        ) from error


def _parquet_rows(path: Path) -> Iterator[str]:
    for batch in pq.ParquetFile(path).iter_batches(batch_size=256):
        for row in batch.to_pylist():
            # Dates and bytes, in columns that are not read as a rule, have no JSON.
            yield json.dumps(row, default=repr)


def _json_lines(name: str, path: Path) -> Iterator[str]:
    # Lines of bytes end in a newline only; those of text would at U+2028 too, which JSON may hold as it is.
    with gzip.open(path) if name.endswith(".gz") else path.open("rb") as file:
        for line in file:
            yield line.decode("utf-8-sig", "replace")


def _is_known(place: str, text: str) -> bool:
    """Whether the row tells of its table that its layout is known; raises SourceError where it is not."""
    if text.strip() == "[":
        raise SourceError(f"{place} begins a JSON array. Write its rows a line each: jq -c '.[]' FILE")
    try:
        row = json.loads(text)
    except (ValueError, RecursionError):
        return False  # one broken line says nothing of the others
    if not isinstance(row, dict):
        return False
    if layout_of(row) is None:
        known = "; ".join(f"{whose}: {', '.join(columns)}" for whose, columns in COLUMNS.items())
        raise SourceError(
            f"{place} is a row of no known layout: it has the columns {', '.join(map(str, row)) or 'none'}. "
            f"Known are {known}. Rename the columns to one of these."
        )
    return True
