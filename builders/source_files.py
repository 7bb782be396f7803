"""Reads raw code where it lies: a folder, one file, JSONL or Parquet tables, or a dataset on the Hub.

In: a source and the names of its columns. Out: one row a file or table row, each with where it came from, or
with the problem that kept it from being read. Nothing is judged here and nothing is lost: a broken line is a
row with a problem.

Not covered: archives, notebooks, and tables in other formats (convert those with `datasets` first).
"""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import pyarrow.parquet as pq
from datasets import BuilderConfig, DatasetInfo, Features, SplitGenerator, Value
from huggingface_hub import HfApi
from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError

MAX_BYTES = 100_000
LANGUAGES = {
    ".py": "Python", ".pyw": "Python", ".c": "C", ".h": "C", ".cc": "C++", ".cpp": "C++", ".hpp": "C++",
    ".cs": "C#", ".go": "Go", ".hs": "Haskell", ".java": "Java", ".jl": "Julia", ".js": "JavaScript",
    ".kt": "Kotlin", ".lua": "Lua", ".m": "MATLAB", ".ml": "OCaml", ".php": "PHP", ".pl": "Perl", ".r": "R",
    ".rb": "Ruby", ".rs": "Rust", ".scala": "Scala", ".swift": "Swift", ".ts": "TypeScript",
}  # fmt: skip
TABLES = (".jsonl", ".parquet")
_TEXT = ("content", "problem", "detail", "language", "source", "path", "revision", "license")


class SourceError(Exception):
    """The source cannot be read at all; the message says what is wrong and how to go on."""


@dataclass
class SourceConfig(BuilderConfig):  # type: ignore[misc]  # datasets ships no types
    """What to read, and under which names a table has it."""

    source: str = ""
    content_column: str = "content"
    path_column: str = "path"
    license_column: str = "license"


class SourceFiles(datasets.GeneratorBasedBuilder):  # type: ignore[misc]  # datasets ships no types
    """Rows of raw code as they are found, in a stable order."""

    BUILDER_CONFIG_CLASS = SourceConfig

    def _info(self) -> DatasetInfo:
        return DatasetInfo(features=Features({column: Value("string") for column in _TEXT}))

    def _split_generators(self, dl_manager: object) -> list[SplitGenerator]:
        return [SplitGenerator("train")]

    def _generate_examples(self) -> Iterator[tuple[int, dict[str, Any]]]:
        config = self.config
        path = Path(config.source)
        rows = _walk(path, config) if path.exists() else _hub_rows(config)
        yield from enumerate(rows)


def read(config: SourceConfig, cache_dir: Path) -> datasets.Dataset:
    """All rows of the source; raises SourceError when there is nothing to read or no way to it."""
    path = Path(config.source)
    state: list[object]
    if path.exists():
        config.source = str(path.resolve())
        state = [
            (str(file.relative_to(path)), file.stat().st_size, file.stat().st_mtime_ns)
            for file in _files(path)
        ]
        if not state:
            raise SourceError(
                f"{path} holds no files. Give a folder of code, a .py, .jsonl or .parquet file."
            )
    else:
        state = [_hub_revision(config.source)]
    decides = json.dumps(
        [config.source, state, config.content_column, config.path_column, config.license_column]
    )
    builder = SourceFiles(
        cache_dir=str(cache_dir),
        hash=hashlib.sha256(decides.encode()).hexdigest()[:32],
        source=config.source,
        content_column=config.content_column,
        path_column=config.path_column,
        license_column=config.license_column,
    )
    try:
        builder.download_and_prepare()
    except datasets.exceptions.DatasetGenerationError as error:
        if isinstance(error.__cause__, SourceError):
            raise error.__cause__ from None
        raise
    return builder.as_dataset(split="train")


def _files(path: Path) -> list[Path]:
    """The files below a folder, hidden ones and caches left out, in the order of their names."""
    if path.is_file():
        return [path]

    def refuse(error: OSError) -> None:
        raise SourceError(f"{error.filename} cannot be listed ({error.strerror}). Mend its permissions.")

    found = []
    for folder, names, files in os.walk(path, onerror=refuse):
        names[:] = sorted(name for name in names if not name.startswith((".", "__pycache__")))
        found += [Path(folder, name) for name in files if not name.startswith(".")]
    return sorted(file for file in found if file.is_file())


def _walk(root: Path, config: SourceConfig) -> Iterator[dict[str, Any]]:
    for file in _files(root):
        origin = {"source": root.name, "path": str(file.relative_to(root)) if root.is_dir() else file.name}
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
            "detail": f"no language is known for {file.suffix or 'no suffix'}",
        }
    try:
        if (size := file.stat().st_size) > MAX_BYTES:
            return {"problem": "too_large", "detail": f"{size} bytes; the limit is {MAX_BYTES}"}
        return {"content": file.read_bytes().decode("utf-8"), "language": language}
    except OSError as error:
        return {"problem": "unreadable", "detail": error.strerror}
    except UnicodeDecodeError as error:
        return {"problem": "not_text", "detail": f"no UTF-8 at byte {error.start}"}


def _jsonl_rows(file: Path, config: SourceConfig, origin: dict[str, str]) -> Iterator[dict[str, Any]]:
    n_rows = 0
    with _opened(file) as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            here = {**origin, "path": f"{origin['path']}:{number}"}
            try:
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise ValueError("not an object")
            except (ValueError, RecursionError) as error:
                yield {
                    **here,
                    "problem": "broken_json",
                    "detail": str(error),
                    "content": line.decode("utf-8", "replace")[:1000],
                }
                continue
            if config.content_column not in row and n_rows == 0:
                raise _missing_column(file, config, list(row))
            n_rows += 1
            yield _table_row(row, config, here)


def _parquet_rows(file: Path, config: SourceConfig, origin: dict[str, str]) -> Iterator[dict[str, Any]]:
    try:
        table = pq.ParquetFile(file)
    except (OSError, ValueError) as error:
        raise SourceError(f"{file} is no Parquet file ({error}).") from error
    if config.content_column not in table.schema_arrow.names:
        raise _missing_column(file, config, table.schema_arrow.names)
    number = 0
    for batch in table.iter_batches(batch_size=256):
        for row in batch.to_pylist():
            number += 1
            yield _table_row(row, config, {**origin, "path": f"{origin['path']}:{number}"})


def _hub_rows(config: SourceConfig) -> Iterator[dict[str, Any]]:
    revision = _hub_revision(config.source)
    rows = datasets.load_dataset(config.source, split="train", revision=revision, streaming=True)
    for number, row in enumerate(rows, 1):
        if config.content_column not in row:
            raise _missing_column(config.source, config, list(row))
        yield _table_row(
            row, config, {"source": config.source, "revision": revision, "path": f"train:{number}"}
        )


def _table_row(row: dict[str, Any], config: SourceConfig, origin: dict[str, str]) -> dict[str, Any]:
    content = row.get(config.content_column)
    own = {
        "path": row.get(config.path_column),
        "license": row.get(config.license_column),
        "source": row.get("repo_name"),
    }
    named = {key: str(value) for key, value in own.items() if value}
    if not isinstance(content, str):
        return {
            **origin,
            **named,
            "problem": "no_content",
            "detail": f"column {config.content_column} holds no text",
        }
    if (size := len(content.encode("utf-8", "replace"))) > MAX_BYTES:
        return {
            **origin,
            **named,
            "problem": "too_large",
            "detail": f"{size} bytes; the limit is {MAX_BYTES}",
        }
    return {**origin, **named, "content": content, "language": str(row.get("language") or "Python")}


def _hub_revision(repo_id: str) -> str:
    advice = "Give an existing folder or file, or a dataset on the Hub as OWNER/NAME."
    try:
        return str(HfApi().dataset_info(repo_id).sha)
    except (HFValidationError, RepositoryNotFoundError) as error:
        raise SourceError(f"{repo_id} is neither a path here nor a dataset on the Hub. {advice}") from error
    except Exception as error:  # what a silent Hub raises differs between the client's major versions
        raise SourceError(
            f"{repo_id} is no path here, and the Hub does not answer ({error}). {advice}"
        ) from error


def _opened(file: Path) -> Any:
    try:
        return file.open("rb")
    except OSError as error:
        raise SourceError(f"{file} cannot be read ({error.strerror}). Mend its permissions.") from error


def _missing_column(place: object, config: SourceConfig, columns: list[str]) -> SourceError:
    return SourceError(
        f"{place} has no column {config.content_column!r}; it has {', '.join(columns)}. "
        "Name the one that holds the code with --content-column."
    )
