"""JSON Schemas of the inputs and outputs of functions: inferred from values, or read from untrusted text.

In: values as canonical JSON, or the text of a schema. Out: the text of a schema, or a validator for values.

Not covered: references and regular expressions in the schemas of others; such a schema is refused.
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
"""The maximum depth of values where a schema allows anything."""

# The keywords that are read; a schema may come from strangers. Without references nothing is fetched and no
# schema is recursive, without regular expressions nothing hangs, and without multipleOf no number overflows.
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
    """A text that is not a JSON Schema, or that uses a keyword which codeio does not read."""


def validator(text: str | None) -> Any:
    """Return a validator for a function's schema, or for any value if it has none; raises BadSchema."""
    try:
        schema = loads(text) if text else {}
        # By default this also checks formats, which compiles regular expressions.
        Draft202012Validator.check_schema(schema, format_checker=None)
    except jsonschema.SchemaError as error:
        raise BadSchema(error.message[:300]) from error
    except (CanonicalError, RecursionError) as error:
        raise BadSchema(str(error)) from error
    if isinstance(schema, dict):
        schema.pop("$schema", None)  # all schemas are read as the same dialect
    unread = _keywords(schema) - _KEYWORDS
    if unread:
        raise BadSchema(f"{', '.join(sorted(unread))}: not read in schemas")
    return Draft202012Validator(schema)


def schema_or_any(text: str | None) -> Any:
    """Return the schema to constrain a model to; one that allows anything if it cannot be read."""
    try:
        return validator(text).schema
    except BadSchema:
        return {}


def with_size_limits(schema: Any) -> Any:
    """Return a copy of a schema with the size limits that every answer has (see `builders.verifier.fits`).

    Under a constraint without them, a weak model writes lists and strings that never end, or deeper and
    deeper lists if anything is allowed.
    """
    schema = {} if schema is True else copy.deepcopy(schema)
    _add_size_limits(schema)
    return schema


def _add_size_limits(schema: Any) -> None:
    """Add the size limits to a schema and all schemas in it, in place."""
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
        _add_size_limits(part)


def _anything(depth: int) -> dict[str, Any]:
    """Return a schema that allows any value with at most `depth` levels."""
    forms: list[dict[str, Any]] = [{"type": ["boolean", "null", "number"]}, {"type": "string"}]
    if depth > 0:
        forms.append({"type": "array", "items": _anything(depth - 1)})
        forms.append({"type": "object", "additionalProperties": _anything(depth - 1)})
    schema = {"anyOf": forms}
    _add_size_limits(schema)
    return schema


def _keywords(schema: Any) -> set[str]:
    """Return the keywords of a schema and of all schemas in it."""
    if isinstance(schema, bool):
        return set()
    return set(schema).union(*(_keywords(part) for part in DRAFT202012.subresources_of(schema)))


def inferred_schema(texts: list[str]) -> str:
    """Return the text of a JSON Schema that all these values satisfy; they are canonical JSON."""
    builder = SchemaBuilder(schema_uri=None)
    for text in texts:
        builder.add_object(json.loads(text))
    return canonical(builder.to_schema())
