"""JSON Schemas of what goes into functions and comes out: inferred from values, or read from strangers.

In: values as canonical JSON; the text of a schema. Out: a schema's text; what checks values against one.
Not covered: references and regular expressions in schemas that others wrote; such a schema is refused.
"""

import copy
import json
from typing import Any

import jsonschema
from genson import SchemaBuilder
from jsonschema import Draft202012Validator
from referencing.jsonschema import DRAFT202012

from builders.verifier import MAX_ELEMENTS, MAX_STRING_CHARS, CanonicalError, canonical, loads

ANY_DEPTH = 3
"""How deep a value may nest of which a schema says nothing."""

# Strangers write schemas too. Without references nothing is fetched and nothing recurs, without regular
# expressions nothing hangs, and without multipleOf no number overflows.
_KEYWORDS = frozenset(
    (
        *("type", "enum", "const", "allOf", "anyOf", "oneOf", "not", "if", "then", "else"),
        *("properties", "required", "additionalProperties", "propertyNames", "minProperties"),
        *("maxProperties", "dependentRequired", "dependentSchemas", "items", "prefixItems", "contains"),
        *("minContains", "maxContains", "minItems", "maxItems", "uniqueItems", "minLength", "maxLength"),
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
        *("title", "description", "default", "examples", "format", "$comment"),
    )
)


class BadSchema(ValueError):
    """A text that is no JSON Schema, or one that uses a keyword that is not read."""


def validator(text: str | None) -> Any:
    """Return what checks values against a function's schema (any value, without one); raises BadSchema."""
    try:
        schema = loads(text) if text else {}
        # By default the formats are checked, which compiles regular expressions.
        Draft202012Validator.check_schema(schema, format_checker=None)
    except jsonschema.SchemaError as error:
        raise BadSchema(error.message[:300]) from error
    except (CanonicalError, RecursionError) as error:
        raise BadSchema(str(error)) from error
    if isinstance(schema, dict):
        schema.pop("$schema", None)  # read as one dialect, whichever it names
    unread = _keywords(schema) - _KEYWORDS
    if unread:
        raise BadSchema(f"{', '.join(sorted(unread))}: not read in schemas")
    return Draft202012Validator(schema)


def usable(text: str | None) -> Any:
    """A schema to hold a model to; where it cannot be read, one that allows anything."""
    try:
        return validator(text).schema
    except BadSchema:
        return {}


def bounded(schema: Any) -> Any:
    """The same, with the limits on sizes that an answer must keep to anyway (see `builders.verifier.fits`).

    Held to a schema without them, a weak model writes lists and strings that never end, or lists of lists of
    lists where anything is allowed.
    """
    schema = {} if schema is True else copy.deepcopy(schema)
    _bound(schema)
    return schema


def _bound(schema: Any) -> None:
    if isinstance(schema, bool):
        return
    if not schema:
        schema.update(_anything(ANY_DEPTH))
        return
    types = schema.get("type", ())
    if "array" in types:
        schema.setdefault("maxItems", MAX_ELEMENTS - 1)
        if schema.keys().isdisjoint(("items", "prefixItems")):
            schema["items"] = _anything(ANY_DEPTH - 1)
    if "string" in types:
        schema.setdefault("maxLength", MAX_STRING_CHARS - 1)
    if "object" in types and schema.keys().isdisjoint(("properties", "additionalProperties")):
        schema["additionalProperties"] = _anything(ANY_DEPTH - 1)
    for part in DRAFT202012.subresources_of(schema):
        _bound(part)


def _anything(depth: int) -> dict[str, Any]:
    """A schema of any value that nests no deeper."""
    forms: list[dict[str, Any]] = [{"type": ["boolean", "null", "number"]}, {"type": "string"}]
    if depth > 0:
        forms.append({"type": "array", "items": _anything(depth - 1)})
        forms.append({"type": "object", "additionalProperties": _anything(depth - 1)})
    schema = {"anyOf": forms}
    _bound(schema)
    return schema


def _keywords(schema: Any) -> set[str]:
    """Those of a schema and all schemas in it."""
    if isinstance(schema, bool):
        return set()
    return set(schema).union(*(_keywords(part) for part in DRAFT202012.subresources_of(schema)))


def inferred(texts: list[str]) -> str:
    """A JSON Schema that all these values satisfy."""
    builder = SchemaBuilder(schema_uri=None)
    for text in texts:
        builder.add_object(json.loads(text))
    return canonical(builder.to_schema())
