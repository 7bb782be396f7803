"""Functions from a file: lines in our own layout or in that of CodeI/O's raw release.

In: a JSONL or Parquet file. Out: `functions`, with the pairs recorded for them. The release's columns
(`problem_description`, `io_requirements`, `refcode`, `funcname`, `ios`) bring pairs, which `io_pairs` proves
anew. A bad line or pair is dropped with its reason.

Not covered: what schemas say, which `io_pairs` checks.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from datasets import Dataset, Features, List
from datasets.exceptions import DatasetGenerationError

from builders.json_schemas import inferred
from builders.schema import FUNCTIONS, STRING, content_id, table
from builders.source_files import SourceError
from builders.stage import Drop, Row, Stage
from hub.verifier import CanonicalError, canonical, loads

_SCHEMAS = ("input_schema", "output_schema")
_OWN_TEXTS = tuple(column for column in FUNCTIONS if column not in ("function_id", *_SCHEMAS))
_REFERENCE_TEXTS = ("problem_description", "io_requirements", "refcode", "funcname")


class _BadRow(Exception):
    """A line that tells no function; its arguments are the reason and the detail of its drop."""


class ImportedFunctions(Stage):
    """Lines of JSON (columns `place`, `text`) to functions with the pairs recorded for them, if any."""

    name = "functions"
    version = 2
    features = Features({**FUNCTIONS, "recorded": List({"input": STRING, "output": STRING})})
    key = ("function_id",)

    def identity(self) -> Row:
        """The lines alone decide."""
        return {}

    def rows(self, rows: list[Row]) -> Iterator[Row | Drop]:
        """Read each line strictly; one that tells no function is dropped."""
        for row in rows:
            try:
                yield from _read(row["text"], row["place"])
            except _BadRow as bad:
                reason, detail = bad.args
                yield Drop(row["place"], "", reason, detail, row["text"])


def lines(source: str) -> Dataset:
    """The lines of a JSONL file, or of a Parquet file's rows as JSON; raises SourceError."""
    path = Path(source)
    try:
        if path.suffix == ".parquet":
            # Dates and bytes, in columns that are not read as a rule, have no JSON.
            given = Dataset.from_parquet(str(path), keep_in_memory=True)
            texts = [json.dumps(row, default=repr) for row in given]
        else:
            # str.splitlines would also cut at U+2028 and its like, which JSON strings may hold as they are.
            texts = path.read_bytes().decode("utf-8", "replace").split("\n")
    except (OSError, ValueError, DatasetGenerationError) as error:
        raise SourceError(
            f"{path} cannot be read ({error.__cause__ or error}). Give JSON lines, or a whole Parquet file."
        ) from error
    rows = [
        {"place": f"{path.name}:{number}", "text": text}
        for number, text in enumerate(texts, 1)
        if text.strip()
    ]
    return table(rows, Features({"place": STRING, "text": STRING}))


def _read(text: str, place: str) -> list[Row | Drop]:
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _BadRow("broken_json", str(error)) from error
    if not isinstance(given, dict):
        raise _BadRow("broken_json", "not an object")
    return _from_reference(given, place) if "refcode" in given else [_from_own(given)]


def _check(given: Row, needed: tuple[str, ...], texts: tuple[str, ...]) -> None:
    """Raise _BadRow unless what is needed is there, and texts are texts that a table can hold (or null)."""
    missing = [column for column in needed if not given.get(column)]
    if missing:
        raise _BadRow("missing_column", f"no {', '.join(missing)}")
    for column in texts:
        text = given.get(column)
        if not isinstance(text, str | None):
            raise _BadRow("bad_column", f"{column} is no text but {type(text).__name__}")
        try:
            (text or "").encode()
        except UnicodeEncodeError as error:
            raise _BadRow("bad_column", f"{column}: {error}") from error


def _from_own(given: Row) -> Row:
    named = ("reference_code", "entrypoint", "input_generator", "query")
    _check(given, named, _OWN_TEXTS)
    return {
        **{column: given.get(column) for column in _OWN_TEXTS},
        **{column: _schema_text(column, given.get(column)) for column in _SCHEMAS},
        "function_id": content_id("function", *(given[name] for name in named)),
        "recorded": [],
    }


def _schema_text(column: str, schema: Any) -> str | None:
    """A schema may be given as text or as it is."""
    if schema in (None, ""):
        return None
    try:
        return canonical(loads(schema) if isinstance(schema, str) else schema)
    except CanonicalError as error:
        raise _BadRow("bad_schema", f"{column}: {error}") from error


def _from_reference(given: Row, place: str) -> list[Row | Drop]:
    _check(given, (*_REFERENCE_TEXTS, "ios"), _REFERENCE_TEXTS)
    if not isinstance(given["ios"], list):
        raise _BadRow("bad_column", f"ios is no list but {type(given['ios']).__name__}")
    function_id = content_id(
        "function", given["refcode"], given["funcname"], "", given["problem_description"]
    )
    recorded: list[dict[str, str]] = []
    dropped: list[Row | Drop] = []
    for index, pair in enumerate(given["ios"]):
        try:
            recorded.append({side: canonical(pair[side]) for side in ("input", "output")})
            continue
        except CanonicalError as error:
            reason, detail = "not_json", str(error)
        except (TypeError, KeyError):
            reason, detail = "bad_pair", "no object with input and output"
        dropped.append(Drop(f"{place}#{index}", function_id, reason, detail, repr(pair)))
    function = {
        "function_id": function_id,
        "query": given["problem_description"],
        "io_description": given["io_requirements"],
        "reference_code": given["refcode"],
        "entrypoint": given["funcname"],
        "input_generator": "",
        "input_schema": _inferred("input", recorded),
        "output_schema": _inferred("output", recorded),
        "recorded": recorded,
    }
    return [*dropped, function]


def _inferred(side: str, recorded: list[dict[str, str]]) -> str:
    try:
        return inferred([pair[side] for pair in recorded])
    except CanonicalError as error:  # a schema is nested deeper than its values
        raise _BadRow("bad_schema", f"{side}: {error}") from error
