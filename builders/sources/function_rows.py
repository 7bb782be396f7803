"""Functions from lines of JSON, in one of three layouts.

In: rows of `place` and `text` (see `function_files`). Out: `functions`, with the pairs recorded for them.

- ours: the columns of `functions`;
- that of CodeI/O's raw release: it brings pairs, which `io_pairs` proves anew instead of drawing some;
- that of reasoning-gym's data file: its generators take their random numbers as an argument.

A bad line or pair is dropped with its reason. Not covered: what schemas say, which `io_pairs` checks.
Tested in tests/builders/sources/test_function_files.py.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from builders.json_schemas import inferred
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
"""The columns of each layout that no row can do without; by the first, the code, a layout is known."""
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
    """A line that tells no function; its arguments are the reason and the detail of its drop."""


class ImportedFunctions(Stage):
    """Lines of JSON to functions with the pairs recorded for them, if any."""

    makes = TABLES["functions"]
    version = 3
    features = features_of({**makes.types, "recorded": [{"input": "string", "output": "string"}]})
    options: RawCodeOptions

    def __init__(self, options: RawCodeOptions) -> None:
        """Of the licence, case does not count."""
        self.options = replace(options, license=options.license.lower() if options.license else None)

    def rows(self, rows: list[Row]) -> Iterator[Row | Drop]:
        """Read each line strictly; one that tells no function is dropped."""
        for row in rows:
            try:
                for result in _read(row["text"], row["place"]):
                    if isinstance(result, Drop) or result["license"]:
                        yield result
                    else:
                        yield {**result, "license": self.options.license}
            except _BadRow as bad:
                reason, detail = bad.args
                yield Drop(row["place"], "", reason, detail, row["text"])


def layout_of(row: Row) -> str | None:
    """The layout of a row, or None where it is of none that is known."""
    return next((layout for layout, (code, *_) in COLUMNS.items() if code in row), None)


def _read(text: str, place: str) -> list[Row | Drop]:
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _BadRow("broken_json", str(error)) from error
    if not isinstance(given, dict):
        raise _BadRow("broken_json", "not an object")
    layout = layout_of(given)
    if layout is None:
        raise _BadRow("unknown_layout", f"it has the columns {', '.join(given) or 'none'}")
    missing = [column for column in COLUMNS[layout] if not given.get(column)]
    if missing:
        raise _BadRow("missing_column", f"no {', '.join(missing)}")
    if layout == RELEASE:
        return _from_release(given, place)
    return [_from_own(given) if layout == OURS else _from_gym(given)]


def _check(given: Row, texts: tuple[str, ...]) -> None:
    """Raise _BadRow unless texts are texts that a table can hold (or null)."""
    for column in texts:
        text = given.get(column)
        if not isinstance(text, str | None):
            raise _BadRow("bad_column", f"{column} is no text but {type(text).__name__}")
        try:
            (text or "").encode()
        except UnicodeEncodeError as error:
            raise _BadRow("bad_column", f"{column}: {error}") from error


def _from_own(given: Row) -> Row:
    _check(given, _OWN_TEXTS)
    return _named(
        {
            **{column: given.get(column) for column in _OWN_TEXTS},
            **{column: _schema_text(column, given.get(column)) for column in _SCHEMAS},
            "recorded": [],
        }
    )


def _named(function: Row) -> Row:
    return {**function, "function_id": TABLES["functions"].id(function)}


def _schema_text(column: str, schema: Any) -> str | None:
    """A schema may be given as text or as it is."""
    if schema in (None, ""):
        return None
    try:
        return canonical(loads(schema) if isinstance(schema, str) else schema)
    except CanonicalError as error:
        raise _BadRow("bad_schema", f"{column}: {error}") from error


def _from_gym(given: Row) -> Row:
    _check(given, (*COLUMNS[GYM], "license"))
    return _named(
        {
            "query": given["task_description"],
            "io_description": given["input_output_spec"],
            "reference_code": given["code_sample"],
            "entrypoint": "main_solution",
            "input_generator": _GYM_GENERATOR.format(generator=given["input_generator"].strip()),
            "license": given.get("license"),
            "recorded": [],
        }
    )


def _from_release(given: Row, place: str) -> list[Row | Drop]:
    _check(given, (*COLUMNS[RELEASE][:-1], "license"))
    function = _named(
        {
            "query": given["problem_description"],
            "io_description": given["io_requirements"],
            "reference_code": given["refcode"],
            "entrypoint": given["funcname"],
            "input_generator": "",
            "license": given.get("license"),
        }
    )
    recorded: list[dict[str, str]] = []
    dropped: list[Row | Drop] = []
    for index, pair in enumerate(_pairs(given["ios"])):
        try:
            recorded.append(_recorded(pair))
            continue
        except CanonicalError as error:
            reason, detail = "not_json", str(error)
        except (TypeError, KeyError):
            reason, detail = "bad_pair", "no object with input and output"
        dropped.append(Drop(f"{place}#{index}", function["function_id"], reason, detail, repr(pair)))
    schemas = {column: _inferred(column.removesuffix("_schema"), recorded) for column in _SCHEMAS}
    return [*dropped, {**function, **schemas, "recorded": recorded}]


def _pairs(ios: Any) -> list[Any]:
    """The pairs, which a Parquet file may hold as JSON text."""
    try:
        pairs = json.loads(ios) if isinstance(ios, str) else ios
    except (ValueError, RecursionError) as error:
        raise _BadRow("bad_column", f"ios: {error}") from error
    if not isinstance(pairs, list):
        raise _BadRow("bad_column", f"ios is no list but {type(pairs).__name__}")
    return pairs


def _recorded(pair: Any) -> dict[str, str]:
    """A pair as canonical JSON.

    Parquet has no column for values of many types, so files of it hold JSON text, in `output` where in
    `input`. An input is an object always: as a text, it is JSON.
    """
    given = {side: pair[side] for side in ("input", "output")}
    if isinstance(given["input"], str):
        given = {side: loads(value) if isinstance(value, str) else value for side, value in given.items()}
    return {side: canonical(value) for side, value in given.items()}


def _inferred(side: str, recorded: list[dict[str, str]]) -> str:
    try:
        return inferred([pair[side] for pair in recorded])
    except CanonicalError as error:  # a schema is nested deeper than its values
        raise _BadRow("bad_schema", f"{side}: {error}") from error
