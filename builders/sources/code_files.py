"""The reader of raw code: from a folder, one file, JSONL or Parquet tables, or a dataset on the Hub.

In: a source and the names of its columns. Out: one row for each file or table row, with its origin, and with
the problem if it cannot be read. No row is judged or dropped here: a broken line is a row with a problem.

Not covered: archives, notebooks, and tables in other formats (convert those with `datasets` first).
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
from datasets import BuilderConfig, DatasetInfo, Features, SplitGenerator, Value
from huggingface_hub import HfApi
from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError

from builders.errors import CodeioError
from builders.options import FileColumns, SourceOptions, declared

MAX_BYTES = 100_000
LANGUAGES = {
    ".py": "Python", ".pyw": "Python", ".c": "C", ".h": "C", ".cc": "C++", ".cpp": "C++", ".hpp": "C++",
    ".cs": "C#", ".go": "Go", ".hs": "Haskell", ".java": "Java", ".jl": "Julia", ".js": "JavaScript",
    ".kt": "Kotlin", ".lua": "Lua", ".m": "MATLAB", ".ml": "OCaml", ".php": "PHP", ".pl": "Perl", ".r": "R",
    ".rb": "Ruby", ".rs": "Rust", ".scala": "Scala", ".swift": "Swift", ".ts": "TypeScript",
}  # fmt: skip
_VERSION = 2
"""Must be increased whenever the same source would give different rows."""
_TEXT = ("content", "problem", "detail", "language", "source", "path", "revision", "license")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class SourceError(CodeioError):
    """An error for a source that cannot be read at all; the message says what is wrong and what to do."""


@dataclass
class SourceConfig(BuilderConfig):  # type: ignore[misc]  # datasets ships no types
    """The source to read, and the names of the columns of a table."""

    source: str = ""
    content_column: str = FileColumns.content_column
    path_column: str = FileColumns.path_column
    license_column: str = FileColumns.license_column
    limit: int | None = None


class SourceFiles(datasets.GeneratorBasedBuilder):  # type: ignore[misc]  # datasets ships no types
    """The rows of raw code, unchanged and in a stable order."""

    BUILDER_CONFIG_CLASS = SourceConfig

    def _info(self) -> DatasetInfo:
        return DatasetInfo(features=Features({column: Value("string") for column in _TEXT}))

    def _split_generators(self, dl_manager: object) -> list[SplitGenerator]:
        return [SplitGenerator("train")]

    def _generate_examples(self) -> Iterator[tuple[int, dict[str, Any]]]:
        config = self.config
        path = Path(config.source)
        rows = _walk(path, config) if path.exists() else _hub_rows(config)
        yield from enumerate(islice(rows, config.limit))


def read_files(config: SourceConfig, cache_dir: Path) -> datasets.Dataset:
    """Return the rows of the source up to its limit. Raises SourceError if it is empty or cannot be read.

    An OSError is raised unchanged: a full disk is not a fault of the source.
    """
    path = Path(config.source)
    state: list[object]
    if path.exists():
        config.source = str(path.resolve())
        state = [
            (str(file.relative_to(path)), file.stat().st_size, file.stat().st_mtime_ns)
            for file in files_below(path)
        ]
        if not state:
            raise SourceError(
                f"{path} holds no files, apart from hidden ones and files that codeio wrote. "
                "Give a folder of code, or a .py, .jsonl or .parquet file."
            )
    else:
        state = [_hub_revision(config.source)]
    options = {name: getattr(config, name) for name in declared(SourceOptions)}
    identity = json.dumps([_VERSION, MAX_BYTES, LANGUAGES, options, state])
    digest = hashlib.sha256(identity.encode()).hexdigest()[:32]
    builder = SourceFiles(cache_dir=str(cache_dir), hash=digest, **options)
    try:
        builder.download_and_prepare()
    except datasets.exceptions.DatasetGenerationError as error:
        cause = error.__cause__
        if isinstance(cause, SourceError | OSError):
            raise cause from None
        raise _unreadable(config.source, cause) from error
    return builder.as_dataset(split="train")


def files_below(path: Path) -> list[Path]:
    """Return the files below a folder, sorted, except hidden ones, caches and folders that codeio wrote."""
    if path.is_file():
        return [path]

    def refuse(error: OSError) -> None:
        raise SourceError(f"{error.filename} cannot be listed ({error.strerror}). Change its permissions.")

    paths = []
    for folder, subfolders, files in os.walk(path, onerror=refuse):
        if ".codeio" in subfolders:
            subfolders.clear()
            continue
        subfolders[:] = sorted(name for name in subfolders if not name.startswith((".", "__pycache__")))
        paths += [Path(folder, name) for name in files if not name.startswith(".")]
    return sorted(file for file in paths if file.is_file())


def _walk(root: Path, config: SourceConfig) -> Iterator[dict[str, Any]]:
    for file in files_below(root):
        path = str(file.relative_to(root)) if root.is_dir() else file.name
        origin = {"source": _escaped(root.name), "path": _escaped(path)}
        if file.suffix == ".jsonl":
            yield from _jsonl_rows(file, config, origin)
        elif file.suffix == ".parquet":
            yield from _parquet_rows(file, config, origin)
        else:
            yield {**origin, **_file_row(file)}


def _file_row(file: Path) -> dict[str, Any]:
    language = LANGUAGES.get(file.suffix.lower())
    if language is None:
        return {
            "problem": "unknown_language",
            "detail": f"no language is known for {_escaped(file.suffix) or 'no suffix'}",
        }
    try:
        if (size := file.stat().st_size) > MAX_BYTES:
            return {"problem": "too_large", "detail": f"{size} bytes; the limit is {MAX_BYTES}"}
        return {"content": file.read_bytes().decode("utf-8"), "language": language}
    except OSError as error:
        return {"problem": "unreadable", "detail": error.strerror}
    except UnicodeDecodeError as error:
        return {"problem": "not_text", "detail": f"no UTF-8 at byte {error.start}"}


def _escaped(name: str) -> str:
    """Return the name of a file as text, with bytes that are not UTF-8 as escapes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _jsonl_rows(file: Path, config: SourceConfig, origin: dict[str, str]) -> Iterator[dict[str, Any]]:
    n_rows = 0
    with _opened(file) as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            line_origin = {**origin, "path": f"{origin['path']}:{number}"}
            try:
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise ValueError("not an object")
            except (ValueError, RecursionError) as error:
                # Masking misses a secret in escaped quotes, or part of one: undo the escapes,
                # and keep as much text as the limit allows.
                text = line[:MAX_BYTES].decode("utf-8", "replace").replace('\\"', '"').replace("\\n", "\n")
                yield {**line_origin, "problem": "broken_json", "detail": str(error), "content": text}
                continue
            if config.content_column not in row and n_rows == 0:
                raise _missing_column(file, config, list(row))
            n_rows += 1
            yield _table_row(row, config, line_origin)


def _parquet_rows(file: Path, config: SourceConfig, origin: dict[str, str]) -> Iterator[dict[str, Any]]:
    try:
        table = pq.ParquetFile(file)
    except (OSError, ValueError) as error:
        raise SourceError(f"{file} is not a Parquet file ({error}).") from error
    if config.content_column not in table.schema_arrow.names:
        raise _missing_column(file, config, table.schema_arrow.names)
    number = 0
    try:
        for batch in table.iter_batches(batch_size=256):
            for row in batch.to_pylist():
                number += 1
                yield _table_row(row, config, {**origin, "path": f"{origin['path']}:{number}"})
    except (OSError, ValueError, pa.ArrowException) as error:
        raise _unreadable(file, error) from error


def _hub_rows(config: SourceConfig) -> Iterator[dict[str, Any]]:
    revision = _hub_revision(config.source)
    for number, row in enumerate(_stream(config.source, revision), 1):
        if config.content_column not in row:
            raise _missing_column(config.source, config, list(row))
        yield _table_row(
            row, config, {"source": config.source, "revision": revision, "path": f"train:{number}"}
        )


def _stream(repo_id: str, revision: str) -> Iterator[dict[str, Any]]:
    try:
        yield from datasets.load_dataset(repo_id, split="train", revision=revision, streaming=True)
    except Exception as error:  # its type depends on the dataset and the network
        raise SourceError(
            f"{repo_id} cannot be read ({error}). Only the train split of a dataset's default config can be "
            "read: save other rows as .jsonl or .parquet, and give that file."
        ) from error


def _table_row(row: dict[str, Any], config: SourceConfig, origin: dict[str, str]) -> dict[str, Any]:
    content = row.get(config.content_column)
    cells = {
        "path": _cell_text(row.get(config.path_column)),
        "license": _license(row.get(config.license_column)),
        "source": _cell_text(row.get("repo_name")),
        "language": _cell_text(row.get("language")) or "Python",
    }
    labels = {**origin, **{column: text for column, text in cells.items() if text}}
    if any(_LONE_SURROGATE.search(text) for text in (*labels.values(), content) if isinstance(text, str)):
        return {**origin, "problem": "not_text", "detail": "holds half a character (a lone surrogate)"}
    if not isinstance(content, str):
        detail = f"column {config.content_column} holds no text"
        return {**labels, "problem": "no_content", "detail": detail}
    if (size := len(content.encode())) > MAX_BYTES:
        return {**labels, "problem": "too_large", "detail": f"{size} bytes; the limit is {MAX_BYTES}"}
    return {**labels, "content": content}


def _cell_text(cell: object) -> str | None:
    """Return a string or a number as text, None for any other cell."""
    if type(cell) in (int, float) and cell == cell:  # pandas writes NaN for a missing value
        return str(cell)
    return cell if isinstance(cell, str) else None


def _license(cell: object) -> str | None:
    """Return a cell as an SPDX expression; all licences of a list apply."""
    if not isinstance(cell, list):
        return _cell_text(cell)
    names = list(dict.fromkeys(name for name in map(_cell_text, cell) if name))
    if len(names) > 1:
        names = [f"({name})" if " " in name else name for name in names]
    return " AND ".join(names) or None


def _hub_revision(repo_id: str) -> str:
    advice = "Give an existing folder or file, or a dataset on the Hub as OWNER/NAME."
    try:
        return str(HfApi().dataset_info(repo_id).sha)
    except (HFValidationError, RepositoryNotFoundError) as error:
        raise SourceError(f"{repo_id} is neither a local path nor a dataset on the Hub. {advice}") from error
    except Exception as error:  # its type differs between major versions of the client
        raise SourceError(
            f"{repo_id} is not a local path, and the Hub does not answer ({error}). {advice}"
        ) from error


def _unreadable(place: object, cause: BaseException | None) -> SourceError:
    return SourceError(
        f"{place} cannot be read ({cause}). Leave it out, or write its rows anew as .jsonl or .parquet."
    )


def _opened(file: Path) -> Any:
    try:
        return file.open("rb")
    except OSError as error:
        raise SourceError(f"{file} cannot be read ({error.strerror}). Change its permissions.") from error


def _missing_column(place: object, config: SourceConfig, columns: list[str]) -> SourceError:
    return SourceError(
        f"{place} has no column {config.content_column!r}; it has {', '.join(columns)}. "
        "Name the one that holds the code with --content-column."
    )
