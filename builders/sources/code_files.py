"""Reads raw code where it lies: a folder, one file, JSONL or Parquet tables, or a dataset on the Hub.

In: a source and the names of its columns. Out: one row a file or table row, each with where it came from, or
with the problem that kept it from being read. Nothing is judged here and nothing is lost: a broken line is a
row with a problem.

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
"""Counts up whenever the same source would give other rows."""
_TEXT = ("content", "problem", "detail", "language", "source", "path", "revision", "license")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class SourceError(CodeioError):
    """The source cannot be read at all; the message says what is wrong and how to go on."""


@dataclass
class SourceConfig(BuilderConfig):  # type: ignore[misc]  # datasets ships no types
    """What to read, and under which names a table has it."""

    source: str = ""
    content_column: str = FileColumns.content_column
    path_column: str = FileColumns.path_column
    license_column: str = FileColumns.license_column
    limit: int | None = None


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
        yield from enumerate(islice(rows, config.limit))


def read(config: SourceConfig, cache_dir: Path) -> datasets.Dataset:
    """Rows of the source up to its limit; raises SourceError when there is nothing to read or no way to it.

    OSError passes as it is: a full disk is no fault of the source.
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
                f"{path} holds no files; hidden ones and what codeio wrote do not count. "
                "Give a folder of code, a .py, .jsonl or .parquet file."
            )
    else:
        state = [_hub_revision(config.source)]
    options = {name: getattr(config, name) for name in declared(SourceOptions)}
    decides = json.dumps([_VERSION, MAX_BYTES, LANGUAGES, options, state])
    digest = hashlib.sha256(decides.encode()).hexdigest()[:32]
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
    """The files below a folder but hidden ones, caches and what codeio wrote, in the order of their names."""
    if path.is_file():
        return [path]

    def refuse(error: OSError) -> None:
        raise SourceError(f"{error.filename} cannot be listed ({error.strerror}). Mend its permissions.")

    found = []
    for folder, names, files in os.walk(path, onerror=refuse):
        if ".codeio" in names:
            names.clear()
            continue
        names[:] = sorted(name for name in names if not name.startswith((".", "__pycache__")))
        found += [Path(folder, name) for name in files if not name.startswith(".")]
    return sorted(file for file in found if file.is_file())


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
    """The name of a file as text: bytes that are no UTF-8 are written out."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


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
                # Escaped quotes would hide a secret from masking, and so would half of it: no short cut here.
                text = line[:MAX_BYTES].decode("utf-8", "replace").replace('\\"', '"').replace("\\n", "\n")
                yield {**here, "problem": "broken_json", "detail": str(error), "content": text}
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
    except Exception as error:  # as many kinds as there are datasets and networks
        raise SourceError(
            f"{repo_id} cannot be read ({error}). Only the split train of a dataset's default config is; "
            "save other rows as .jsonl or .parquet, and give that file."
        ) from error


def _table_row(row: dict[str, Any], config: SourceConfig, origin: dict[str, str]) -> dict[str, Any]:
    content = row.get(config.content_column)
    own = {
        "path": _cell_text(row.get(config.path_column)),
        "license": _license(row.get(config.license_column)),
        "source": _cell_text(row.get("repo_name")),
        "language": _cell_text(row.get("language")) or "Python",
    }
    named = {**origin, **{column: text for column, text in own.items() if text}}
    if any(_LONE_SURROGATE.search(text) for text in (*named.values(), content) if isinstance(text, str)):
        return {**origin, "problem": "not_text", "detail": "holds half a character (a lone surrogate)"}
    if not isinstance(content, str):
        detail = f"column {config.content_column} holds no text"
        return {**named, "problem": "no_content", "detail": detail}
    if (size := len(content.encode())) > MAX_BYTES:
        return {**named, "problem": "too_large", "detail": f"{size} bytes; the limit is {MAX_BYTES}"}
    return {**named, "content": content}


def _cell_text(cell: object) -> str | None:
    """A cell as text: strings and numbers are, the rest says nothing."""
    if type(cell) in (int, float) and cell == cell:  # NaN is how pandas writes that there is nothing
        return str(cell)
    return cell if isinstance(cell, str) else None


def _license(cell: object) -> str | None:
    """A cell as an SPDX expression: of a list of licences all hold."""
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
        raise SourceError(f"{repo_id} is neither a path here nor a dataset on the Hub. {advice}") from error
    except Exception as error:  # what a silent Hub raises differs between the client's major versions
        raise SourceError(
            f"{repo_id} is no path here, and the Hub does not answer ({error}). {advice}"
        ) from error


def _unreadable(place: object, cause: BaseException | None) -> SourceError:
    return SourceError(
        f"{place} cannot be read ({cause}). Leave it out, or write its rows anew as .jsonl or .parquet."
    )


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
