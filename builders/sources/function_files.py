"""The reader of function rows: JSONL (also gzipped) or Parquet files, a folder of them, a Hub dataset.

In: a source. Out: one row for each line, as JSON text with its place, read once into a cache on disk. Lines
are not parsed by `datasets`, which would infer types for them and lose digits of numbers. A table whose first
row has an unknown layout is refused; later rows are checked by `function_rows`.

Not covered: folders and Hub datasets that codeio made (`own_tables`), and other formats.
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
"""Must be increased whenever the same files would give different rows."""


def read_lines(source: str, cache_dir: Path, limit: int | None = None) -> Dataset:
    """Return the rows of a source up to a limit: `place` (FILE:NUMBER) and `text`. Raises SourceError."""
    files = _local_files(Path(source)) if Path(source).exists() else _hub_files(source)
    if not files:
        raise SourceError(f"{source} holds no table of functions: give {', '.join(SUFFIXES)} files.")
    state = [(name, path.stat().st_size, path.stat().st_mtime_ns) for name, path in files]
    identity = json.dumps([_VERSION, limit, state])
    try:
        return Dataset.from_generator(
            _rows,
            features=_FEATURES,
            cache_dir=str(cache_dir),
            gen_kwargs={"files": tuple(files), "limit": limit},
            fingerprint=hashlib.sha256(identity.encode()).hexdigest()[:32],
        )
    except DatasetGenerationError as error:
        raise error.__cause__ or error from None


def _local_files(path: Path) -> list[tuple[str, Path]]:
    """Return the files to read, each with the name that the places of its rows have."""
    root = path if path.is_dir() else path.parent
    files = [(str(file.relative_to(root)), file) for file in files_below(path)]
    return files if path.is_file() else [(name, file) for name, file in files if name.endswith(SUFFIXES)]


def _hub_files(repo_id: str) -> list[tuple[str, Path]]:
    try:
        info = HfApi().dataset_info(repo_id)
        names = sorted(file.rfilename for file in info.siblings or [])
        return [
            (name, Path(hf_hub_download(repo_id, name, repo_type="dataset", revision=info.sha)))
            for name in names
            if name.endswith(SUFFIXES)
        ]
    except Exception as error:  # its type differs between major versions of the client
        raise SourceError(
            f"{repo_id} is not a local path, and cannot be read from the Hub ({error}). "
            "Give an existing folder or file, or a dataset as OWNER/NAME."
        ) from error


def _rows(files: tuple[tuple[str, Path], ...], limit: int | None) -> Iterator[dict[str, str]]:
    n_rows = 0
    for row in islice((row for name, path in files for row in _file_rows(name, path)), limit):
        yield row
        n_rows += 1
    if not n_rows:  # datasets fails on a generator without rows
        raise SourceError(f"{', '.join(name for name, _ in files[:3])}: there are no rows.")


def _file_rows(name: str, path: Path) -> Iterator[dict[str, str]]:
    texts = _parquet_rows(path) if name.endswith(".parquet") else _json_lines(name, path)
    has_known_layout = False
    try:
        for number, text in enumerate(texts, 1):
            if text.strip():
                has_known_layout = has_known_layout or _has_known_layout(f"{name}:{number}", text)
                yield {"place": f"{name}:{number}", "text": text}
    except (OSError, ValueError, EOFError, zlib.error, pa.ArrowException) as error:
        raise SourceError(
            f"{name} cannot be read ({error}). Give JSON lines, gzipped or not, or a whole Parquet file."
        ) from error


def _parquet_rows(path: Path) -> Iterator[str]:
    for batch in pq.ParquetFile(path).iter_batches(batch_size=256):
        for row in batch.to_pylist():
            # Dates and bytes have no JSON form; the columns that are used rarely hold any.
            yield json.dumps(row, default=repr)


def _json_lines(name: str, path: Path) -> Iterator[str]:
    # In binary mode only a newline ends a line; text could also be split at U+2028, which is valid in JSON.
    with gzip.open(path) if name.endswith(".gz") else path.open("rb") as file:
        for line in file:
            yield line.decode("utf-8-sig", "replace")


def _has_known_layout(place: str, text: str) -> bool:
    """Return True for a row of a known layout, False for a broken one. Raises SourceError for any other."""
    if text.strip() == "[":
        raise SourceError(f"{place} begins a JSON array. Write one row per line: jq -c '.[]' FILE")
    try:
        row = json.loads(text)
    except (ValueError, RecursionError):
        return False  # one broken line says nothing about the others
    if not isinstance(row, dict):
        return False
    if layout_of(row) is None:
        known = "; ".join(f"{layout}: {', '.join(columns)}" for layout, columns in COLUMNS.items())
        raise SourceError(
            f"{place} has no known layout: its columns are {', '.join(map(str, row)) or 'none'}. "
            f"Known layouts are {known}. Rename the columns to match one of them."
        )
    return True
