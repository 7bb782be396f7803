import ast
import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import verifier
from builders.verifier import MAX_DEPTH, CanonicalError, canonical, equal, extract, fits, loads, verify
from tests.json_values import JSON_VALUES, exact


@given(JSON_VALUES)
def test_canonical_text_comes_back_bit_for_bit(value):
    text = canonical(value)
    assert exact(loads(text)) == exact(json.loads(text)) == exact(value)
    assert canonical(loads(text)) == text


@given(JSON_VALUES)
def test_any_layout_of_a_value_has_the_same_canonical_text(value):
    assert canonical(loads(json.dumps(value, indent=1))) == canonical(value)


@given(JSON_VALUES, JSON_VALUES)
def test_values_of_one_text_are_equal(value, other):
    assert equal(value, loads(canonical(value)))
    if canonical(value) == canonical(other):
        assert equal(value, other)
    assert equal(value, other) in (True, False)  # no values make it fail


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        {"a": -float("inf")},
        "\ud800",
        {"\ud800": 1},
        {1, 2},
        1j,
        b"x",
        object(),
        pytest.param(10**4300, id="4,301 digits"),
        {2: 1, 10: 1},  # sorted as numbers here, but as texts when read back
        [{None: 1}],
        {1: 1, "1": 1},
    ],
)
def test_values_without_canonical_form_are_refused(value):
    with pytest.raises(CanonicalError):
        canonical(value)


@pytest.mark.parametrize(
    "text",
    [
        "NaN",
        "[Infinity]",
        "1e999",
        '{"a":1,"a":2}',
        '"\\ud800"',
        "[" * 70 + "]" * 70,
        "9" * 5000,
        "{",
        "",
        "'a'",
    ],
)
def test_loads_is_strict(text):
    with pytest.raises(CanonicalError):
        loads(text)


@pytest.mark.parametrize("innermost", ["[]", "{}", "[1]"])
def test_every_container_is_a_level(innermost):
    outer = MAX_DEPTH - 1
    assert canonical(loads("[" * outer + innermost + "]" * outer))
    with pytest.raises(CanonicalError, match="nested deeper"):
        loads("[" * (outer + 1) + innermost + "]" * (outer + 1))


def test_deep_nesting_is_refused_not_crashed():
    value = 1
    for _ in range(100_000):
        value = [value]
    with pytest.raises(CanonicalError):
        canonical(value)
    with pytest.raises(CanonicalError):
        loads("[" * 100_000)


@pytest.mark.parametrize(
    ("reply", "direction", "prediction"),
    [
        ('So it is {"output": 5}.', "output", "5"),
        ('First {"output": 1}, no: {"output": 2}', "output", "2"),
        ('{"output": 1} and then {"note": 2}', "output", "1"),
        ('{"input": {"b": 1, "a": [true, null]}}', "input", '{"a":[true,null],"b":1}'),
        ('{"outer": {"output": 3}}', "output", None),  # not outermost
        ('set {x} then {"output": "a{b}c"}', "output", '"a{b}c"'),
        ('{"output": "(True, None)"}', "output", '"(True, None)"'),  # nothing in strings is rewritten
        ('{"output": None}', "output", None),
        ("{'output': 1}", "output", None),
        ('{"output": null}', "output", "null"),
        ('{"output": NaN}', "output", None),
        ('{"output": 123456789012345678901234567890}', "output", "123456789012345678901234567890"),
        ('{"output": 0.1}', "input", None),
        ("no answer", "output", None),
        ('{"output": [1, 2', "output", None),
        ('```json\n{"output": {"a": 1}}\n```', "output", '{"a":1}'),
    ],
)
def test_extract(reply, direction, prediction):
    assert extract(reply, direction) == prediction


def test_extract_survives_hostile_replies():
    assert extract('{"a":' * 2_000, "output") is None
    assert extract("{" * 100_000 + '{"output": 1}', "output") == "1"


@pytest.mark.timeout(60)  # parsing every object up to its error would take minutes to hours
@pytest.mark.parametrize(
    "piece",
    ['{"a":', '{"', '{"a"}', '{"a":[', '{"a":{}', '[{"a":', '{"a":1 {"b":"', '{"\\', '{"a":"{"', '{}{"'],
)
def test_extract_takes_time_by_the_length_of_a_reply(piece):
    n = 200_000 // len(piece)
    assert extract(piece * n, "output") is None
    assert extract('{"output": 2}' + piece * n, "output") == "2"
    assert extract('{"a":' * 900 + '{"output": 1}' + ", 1" * 50_000, "output") == "1"


def extracted_slowly(reply):
    """Return what `extract` should: try the decoder at every opening brace, whatever time it takes."""
    found, position = None, 0
    while (position := reply.find("{", position)) >= 0:
        try:
            value, position = verifier._STRICT.raw_decode(reply, position)
            found = canonical(value["output"]) if "output" in value else found
        except ValueError:
            position += 1
    return found


@given(st.lists(st.sampled_from([*'{}[]",: \\1', '"output"', '"a":', '{"output":', "x", "NaN"]), max_size=60))
@settings(max_examples=1000)
def test_extract_finds_what_trying_every_opening_finds(pieces):
    reply = "".join(pieces)
    assert extract(reply, "output") == extracted_slowly(reply)


def test_what_is_nested_too_deeply_is_skipped_whole():
    deep = "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1)
    assert extract('{"output": 1} {"a": ' + deep + ', "b": {"output": 2}}', "output") == "1"
    just = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert extract('{"output": ' + just + "}", "output") == just


@pytest.mark.parametrize(
    ("expected", "predicted", "same"),
    [
        (1, 1, True),
        (1, 1.0, True),
        (1, True, False),
        (0, False, False),
        (True, True, True),
        (3.0, 2.9999, True),
        (3.0, 2.99, False),
        (1000, 1001, False),  # two integers exactly
        (1000.0, 1001, True),
        (0.0, 1e-10, True),
        (0.0, 1e-8, False),
        (10**400, 1.5, False),
        ("a", "a ", False),
        ("1", 1, False),
        ([1, 2], [1, 2.0001], True),
        ([1, 2], [1], False),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ({"a": [0.5]}, {"a": [0.50001]}, True),
        (None, None, True),
        (None, False, False),
        ([], {}, False),
        (-0.0, 0.0, True),
        (-0.0, 0, True),
        (0.0, 5e-324, True),
        (5e-324, 0.0, False),  # the tolerance is relative to what is expected
        (2**53, 2**53 + 1, False),
        (2.0**53, 2**53 + 1, True),
        (1e308, -1e308, False),
        (1.5, 10**400, False),
        (10**400, 10**400, True),
        ({"1": 1}, {"1.0": 1}, False),
        (math.nan, math.nan, False),  # not JSON values: equal to nothing
        (math.inf, 1, False),
        (1.0, math.inf, False),
        (math.inf, math.inf, False),
    ],
)
def test_equal(expected, predicted, same):
    assert equal(expected, predicted) is same


def test_tolerance_is_relative_to_the_expected_value():
    assert equal(1.0, 1.001)
    assert not equal(1.0, 1.0011)


@pytest.mark.parametrize(
    ("value", "small"),
    [
        ([0] * 19, True),
        ([0] * 20, False),
        ("x" * 99, True),
        ("x" * 100, False),
        ({"k" * 100: 1}, False),
        ([[0] * 19] * 19, True),
        (["x" * 90] * 12, False),
        (10**126, True),
        (10**128, False),
    ],
)
def test_size_limits(value, small):
    assert fits(canonical(value)) is small


@dataclass
class Ran:
    status: str
    output: str | None = None
    error_type: str | None = None
    error_message: str | None = None


def test_output_verdicts():
    assert verify("output", "[1,2]", "{}", "[1,2]").status == "correct"
    wrong = verify("output", "[1,3]", '{"x":1}', "[1,2]")
    assert wrong.status == "wrong"
    assert "[1,3]" in wrong.feedback
    assert "[1,2]" not in wrong.feedback  # the answer is not given away
    assert verify("output", None, "{}", "1").status == "no_answer"


@pytest.mark.parametrize(
    ("ran", "status", "words"),
    [
        (Ran("ok", "5"), "correct", None),
        (Ran("ok", "6"), "wrong", "returns 6 and not 5"),
        (Ran("exception", None, "TypeError", "missing argument"), "exception", "TypeError: missing argument"),
        (Ran("timeout"), "timeout", "time limit"),
        (Ran("memory"), "exception", "memory"),
        (Ran("refused", None, "not_json:set"), "exception", "not_json:set"),
        (Ran("refused", None, "nondeterministic"), "exception", "same value each time"),
    ],
)
def test_input_verdicts(ran, status, words):
    verdict = verify("input", '{"x":3}', '{"x":1}', "5", run=lambda _: ran)
    assert verdict.status == status
    assert (verdict.feedback is None) if words is None else (words in verdict.feedback)


def test_input_that_cannot_be_an_input_is_never_run():
    def run(_):
        raise AssertionError("was run")

    assert verify("input", "[1]", "{}", "5", run=run).status == "exception"
    assert verify("input", canonical({"x": [0] * 20}), "{}", "5", run=run).status == "exception"
    with pytest.raises(ValueError, match="run"):
        verify("input", '{"x":1}', "{}", "5")


def test_module_stands_on_the_standard_library():
    tree = ast.parse(Path(verifier.__file__).read_text())
    modules = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    modules |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {module.split(".")[0] for module in modules} <= sys.stdlib_module_names
