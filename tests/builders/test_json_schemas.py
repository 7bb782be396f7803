import json

import pytest
from jsonschema import Draft202012Validator

from builders.json_schemas import BadSchema, inferred_schema, schema_or_any, validator, with_size_limits


def test_inferred_schemas_hold_for_all_values():
    texts = ['{"a":1,"b":[1,2.5]}', '{"a":2,"b":[]}', '{"a":null,"b":["x"]}']
    validator = Draft202012Validator(json.loads(inferred_schema(texts)))
    assert all(validator.is_valid(json.loads(text)) for text in texts)
    assert not validator.is_valid({"a": "x", "b": []})
    assert not validator.is_valid({"b": []})


@pytest.mark.parametrize(
    "text", ["not json", "5", '{"type":"objekt"}', '{"pattern":"(a+)+$"}', '{"$ref":"#"}']
)
def test_a_schema_that_cannot_be_read_holds_no_model_to_anything(text):
    with pytest.raises(BadSchema):
        validator(text)
    assert schema_or_any(text) == {}


def test_a_schema_is_used_without_its_dialect():
    assert schema_or_any('{"$schema":"http://json-schema.org/draft-07/schema#","type":"object"}') == {
        "type": "object"
    }
    assert schema_or_any(None) == schema_or_any("") == {}


def test_a_bounded_schema_keeps_sizes_within_what_can_be_right():
    texts = {"items": {"type": ["null", "string"]}, "type": "array"}
    text = json.dumps({"properties": {"a": texts, "b": {"maxItems": 2, "type": "array"}}})
    schema = with_size_limits(schema_or_any(text))
    assert schema["properties"]["a"] == {
        "items": {"type": ["null", "string"], "maxLength": 99},
        "type": "array",
        "maxItems": 19,
    }
    assert schema["properties"]["b"]["maxItems"] == 2
    assert schema_or_any(text)["properties"]["a"] == texts


def nested(depth, kind):
    value = 1.5
    for _ in range(depth):
        value = [value] if kind == "array" else {"a": value}
    return value


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        (None, ("array", "object")),
        ("true", ("array", "object")),
        ('{"type":"array"}', ("array",)),
        ('{"type":["object","null"]}', ("object",)),
    ],
)
def test_what_a_schema_leaves_open_is_bounded_too(text, kinds):
    allows = Draft202012Validator(with_size_limits(schema_or_any(text))).is_valid
    for kind in ("array", "object"):
        assert allows(nested(3, kind)) == (kind in kinds)
        assert not allows(nested(4, kind))
    for value in (["x" * 100], [[0] * 20], [0] * 20, {"a": "x" * 100}):
        assert not allows(value), value
