"""The stage that turns lines of JSON, in one of three layouts, into functions.

In: rows of `place` and `text` (see `function_files`). Out: `functions`, with the pairs recorded for them.

- codeio's own layout: the columns of `functions`;
- the layout of CodeI/O's raw release: it has pairs, which `io_pairs` proves again instead of drawing inputs;
- the layout of reasoning-gym's data file: its generators take a random number generator as an argument.

A bad line or pair is dropped with its reason. Not covered: the content of schemas, which `io_pairs` checks.
Tested in tests/builders/sources/test_function_files.py.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from builders.json_schemas import inferred_schema
from builders.options import RawCodeOptions
from builders.schema import TABLES, features_of
from builders.stage import Drop, Row, Stage
from builders.verifier import CanonicalError, canonical, loads

OURS, RELEASE, GYM = "codeio", "CodeI/O's raw release", "reasoning-gym"
COLUMNS = {
    OURS: TABLES["functions"].hashed,
    RELEASE: ("refcode", "funcname", "problem_description", "io_requirements", "ios"),
    GYM: ("code_sample", "input_generator", "task_description", "input_output_spec"),
}
"""The required columns of each layout; the first, which holds the code, identifies the layout."""
_SCHEMAS = ("input_schema", "output_schema")
_OWN_TEXTS = tuple(
    column for column in TABLES["functions"].columns if column not in ("function_id", *_SCHEMAS)
)
_GYM_GENERATOR = """\
from random import Random

{generator}


def input_generator(rng):
    return generate_inputs(rng)
"""


class _BadRow(Exception):
    """A line that does not hold a function; the arguments are the reason and the detail of its drop."""


class ImportedFunctions(Stage):
    """The stage that turns lines of JSON into functions, with the pairs recorded for them, if any."""

    makes = TABLES["functions"]
    version = 3
    features = features_of({**makes.types, "recorded": [{"input": "string", "output": "string"}]})
    options: RawCodeOptions

    def __init__(self, options: RawCodeOptions) -> None:
        """Keep the options, with the licence in lower case, so that its case does not matter."""
        self.options = replace(options, license=options.license.lower() if options.license else None)

    def rows(self, rows: list[Row]) -> Iterator[Row | Drop]:
        """Yield the function of each line and a drop for each bad pair, or a drop for a bad line."""
        for row in rows:
            try:
                for result in _line_results(row["text"], row["place"]):
                    if isinstance(result, Drop) or result["license"]:
                        yield result
                    else:
                        yield {**result, "license": self.options.license}
            except _BadRow as bad:
                reason, detail = bad.args
                yield Drop(row["place"], "", reason, detail, row["text"])


def layout_of(row: Row) -> str | None:
    """Return the layout of a row, None if it is unknown."""
    return next((layout for layout, (code, *_) in COLUMNS.items() if code in row), None)


def _line_results(text: str, place: str) -> list[Row | Drop]:
    try:
        row = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _BadRow("broken_json", str(error)) from error
    if not isinstance(row, dict):
        raise _BadRow("broken_json", "not an object")
    layout = layout_of(row)
    if layout is None:
        raise _BadRow("unknown_layout", f"it has the columns {', '.join(row) or 'none'}")
    missing = [column for column in COLUMNS[layout] if not row.get(column)]
    if missing:
        raise _BadRow("missing_column", f"no {', '.join(missing)}")
    if layout == RELEASE:
        return _from_release(row, place)
    return [_from_own_layout(row) if layout == OURS else _from_gym(row)]


def _check_texts(row: Row, columns: tuple[str, ...]) -> None:
    """Raise _BadRow unless these columns hold valid Unicode strings, or null."""
    for column in columns:
        text = row.get(column)
        if not isinstance(text, str | None):
            raise _BadRow("bad_column", f"{column} is no text but {type(text).__name__}")
        try:
            (text or "").encode()
        except UnicodeEncodeError as error:
            raise _BadRow("bad_column", f"{column}: {error}") from error


def _from_own_layout(row: Row) -> Row:
    _check_texts(row, _OWN_TEXTS)
    return _with_id(
        {
            **{column: row.get(column) for column in _OWN_TEXTS},
            **{column: _schema_text(column, row.get(column)) for column in _SCHEMAS},
            "recorded": [],
        }
    )


def _with_id(function: Row) -> Row:
    return {**function, "function_id": TABLES["functions"].id(function)}


def _schema_text(column: str, schema: Any) -> str | None:
    """Return a schema, which may be a JSON text or its value, as canonical JSON; None if there is none."""
    if schema in (None, ""):
        return None
    try:
        return canonical(loads(schema) if isinstance(schema, str) else schema)
    except CanonicalError as error:
        raise _BadRow("bad_schema", f"{column}: {error}") from error


def _from_gym(row: Row) -> Row:
    _check_texts(row, (*COLUMNS[GYM], "license"))
    return _with_id(
        {
            "query": row["task_description"],
            "io_description": row["input_output_spec"],
            "reference_code": row["code_sample"],
            "entrypoint": "main_solution",
            "input_generator": _GYM_GENERATOR.format(generator=row["input_generator"].strip()),
            "license": row.get("license"),
            "recorded": [],
        }
    )


def _from_release(row: Row, place: str) -> list[Row | Drop]:
    _check_texts(row, (*COLUMNS[RELEASE][:-1], "license"))
    function = _with_id(
        {
            "query": row["problem_description"],
            "io_description": row["io_requirements"],
            "reference_code": row["refcode"],
            "entrypoint": row["funcname"],
            "input_generator": "",
            "license": row.get("license"),
        }
    )
    recorded: list[dict[str, str]] = []
    dropped: list[Row | Drop] = []
    for index, pair in enumerate(_pairs(row["ios"])):
        try:
            recorded.append(_canonical_pair(pair))
            continue
        except CanonicalError as error:
            reason, detail = "not_json", str(error)
        except (TypeError, KeyError):
            reason, detail = "bad_pair", "no object with input and output"
        dropped.append(Drop(f"{place}#{index}", function["function_id"], reason, detail, repr(pair)))
    schemas = {column: _inferred_schema(column.removesuffix("_schema"), recorded) for column in _SCHEMAS}
    return [*dropped, {**function, **schemas, "recorded": recorded}]


def _pairs(ios: Any) -> list[Any]:
    """Return the list of pairs; a Parquet file may hold it as JSON text."""
    try:
        pairs = json.loads(ios) if isinstance(ios, str) else ios
    except (ValueError, RecursionError) as error:
        raise _BadRow("bad_column", f"ios: {error}") from error
    if not isinstance(pairs, list):
        raise _BadRow("bad_column", f"ios is no list but {type(pairs).__name__}")
    return pairs


def _canonical_pair(pair: Any) -> dict[str, str]:
    """Return a pair as canonical JSON.

    A Parquet column cannot hold values of several types, so Parquet files hold JSON text instead, in `input`
    and `output` alike. A value of `input` is always an object, so if it is a text, both are JSON text.
    """
    values = {side: pair[side] for side in ("input", "output")}
    if isinstance(values["input"], str):
        values = {side: loads(value) if isinstance(value, str) else value for side, value in values.items()}
    return {side: canonical(value) for side, value in values.items()}


def _inferred_schema(side: str, recorded: list[dict[str, str]]) -> str:
    try:
        return inferred_schema([pair[side] for pair in recorded])
    except CanonicalError as error:  # a schema is nested deeper than its values
        raise _BadRow("bad_schema", f"{side}: {error}") from error
