"""Values are stored as they came out: each line of the table in `values`, and any value, bit for bit."""

import json
import math
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders.execution import Job, Sandbox
from builders.execution.inside import values
from builders.execution.inside.values import MAX_LEVELS, Encoder, NotJSON
from builders.verifier import MAX_DEPTH, canonical, loads
from tests.json_values import JSON_VALUES, exact

TABLE = re.findall(r"^ {4}(\S.+)\n {8}\S", str(values.__doc__), re.MULTILINE)
# For each line of the docstring's table: Python expressions, and how they are stored or why they are refused.
POLICY = {
    "`None`, `bool`, `str`, `list`": {
        "[None, True, False]": "[null,true,false]",
        "['', '\\0', '\\x7f', '\\u2028', chr(0x1f600)]": '["","\\u0000","\x7f","\u2028","\U0001f600"]',
        "[[], [[]], {}]": "[[],[[]],{}]",
    },
    "`int` of up to 4,300 digits": {
        "2**53 + 1": "9007199254740993",
        "-2**70": "-1180591620717411303424",
        "10**4300 - 1": "9" * 4300,
        "1 - 10**4300": "-" + "9" * 4300,
    },
    "finite `float`": {
        "[-0.0, 0.0, 1.0]": "[-0.0,0.0,1.0]",
        "[5e-324, 1e308, 0.1 + 0.2, 1e16]": "[5e-324,1e+308,0.30000000000000004,1e+16]",
    },
    "`tuple`": {"(1, (2,), ())": "[1,[2],[]]"},
    "`dict`, `Counter`, `defaultdict`, `OrderedDict`": {
        "{'b': 1, 'a': {}}": '{"a":{},"b":1}',
        "collections.Counter('aab')": '{"a":2,"b":1}',
        "collections.defaultdict(int, a=1)": '{"a":1}',
        "collections.OrderedDict(b=1, a=2)": '{"a":2,"b":1}',
    },
    "a key that is an `int`, `float`, `bool` or `None`": {
        "{2: 0, 10: 0}": '{"10":0,"2":0}',
        "{-0.0: 0, 1.5: 0, True: 0, None: 0, '': 0}": '{"":0,"-0.0":0,"1.5":0,"null":0,"true":0}',
    },
    "numpy's booleans, integers, floats up to 64 bits, arrays of these": {
        "[numpy.bool_(1), numpy.int8(-1), numpy.uint64(2**64 - 1)]": "[true,-1,18446744073709551615]",
        "[numpy.float16(0.5), numpy.float32(0.1), numpy.float64(-0.0)]": "[0.5,0.10000000149011612,-0.0]",
        "[numpy.eye(2, dtype=int), numpy.array(5), numpy.zeros((2, 0))]": "[[[1,0],[0,1]],5,[[],[]]]",
    },
    "sets, bytes, `Decimal`, complex, namedtuples, enums, all other types and subclasses": dict.fromkeys(
        [
            "{1}",
            "[frozenset()]",
            "b'x'",
            "bytearray()",
            "decimal.Decimal(1)",
            "fractions.Fraction(1)",
            "1j",
            "Point(1, 2)",
            "Colour.RED",
            "Text('x')",
            "range(3)",
            "{}.keys()",
            "iter([])",
            "collections.deque()",
            "print",
            "numpy.str_('a')",
            "numpy.longdouble(1)",
            "numpy.complex64(1)",
            "numpy.datetime64('2020')",
            "numpy.timedelta64(1)",
            "numpy.array(['a'])",
            "numpy.array([None])",
            "numpy.ma.array([1])",
        ],
        "not_json:type",
    ),
    "NaN, infinities": dict.fromkeys(
        [
            "float('nan')",
            "[float('inf')]",
            "-float('inf')",
            "{float('nan'): 1}",
            "numpy.float32('nan')",
            "numpy.array([numpy.inf])",
        ],
        "not_json:nan",
    ),
    "a longer `int`; a lone surrogate": {
        "10**4300": "not_json:digits",
        "-10**4300": "not_json:digits",
        "10**10**5": "not_json:digits",
        "'\\ud800'": "not_json:surrogate",
        "{'\\udfff': 1}": "not_json:surrogate",
        "'\\ud83d' + '\\ude00'": "not_json:surrogate",
    },
    'keys with the same text, such as `1` and `"1"`; keys of other types, including numpy\'s': dict.fromkeys(
        [
            "{1: 1, '1': 2}",
            "{True: 1, 'true': 2}",
            "{None: 1, 'null': 2}",
            "{(1, 2): 1}",
            "{b'a': 1}",
            "{Text('x'): 1}",
            "{Colour.RED: 1}",
            "{numpy.int64(1): 1}",
            "{numpy.float64(1): 1}",
        ],
        "not_json:key",
    ),
    "over 60 levels, 200,000 elements or 1 MiB": {
        "nested(60)": "[" * 60 + "]" * 60,
        "nested(61)": "not_json:depth",
        "[[0] * 199_998] and len([0] * 199_998)": "199998",
        "[0] * 199_999": "[" + ",".join("0" * 199_999) + "]",
        "[0] * 200_000": "not_json:size",
        "'x' * (2**20 - 100)": '"' + "x" * (2**20 - 100) + '"',
        "'x' * 2**20": "output_too_large",
    },
}
CODE = """
import collections, decimal, enum, fractions, numpy

Point = collections.namedtuple("Point", "x y")
Colour = enum.IntEnum("Colour", "RED")

class Text(str):
    pass

def nested(levels):
    return [nested(levels - 1)] if levels > 1 else []

def value(text):
    return eval(text)
"""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


def test_every_line_of_the_table_is_tested() -> None:
    assert list(POLICY) == TABLE


@pytest.mark.parametrize("line", POLICY)
def test_values_are_stored_as_the_table_says(sandbox: Sandbox, line: str) -> None:
    pytest.importorskip("numpy")
    runs = sandbox.run(Job(CODE, "value", [json.dumps(text) for text in POLICY[line]]))
    assert {
        text: run.output or run.error_type for text, run in zip(POLICY[line], runs, strict=True)
    } == POLICY[line]


@settings(max_examples=25)  # a loaded machine is slow, and an example is many values
@given(st.lists(JSON_VALUES, min_size=20, max_size=40))
def test_what_comes_out_of_the_sandbox_is_what_went_in_bit_for_bit(
    sandbox: Sandbox, values: list[Any]
) -> None:
    runs = sandbox.run(Job("def f(x): return x", "f", [canonical({"x": value}) for value in values]))
    assert [run.output for run in runs] == [canonical(value) for value in values]
    assert [exact(json.loads(str(run.output))) for run in runs] == [exact(value) for value in values]
    assert not any(run.mutated for run in runs)


def encode(value: Any) -> str:
    return Encoder().encode(value)


@given(JSON_VALUES)
def test_json_values_are_written_canonically(value: Any) -> None:
    assert encode(value) == canonical(value)


@given(st.dictionaries(st.integers() | st.booleans() | st.none() | st.floats(allow_nan=False), st.integers()))
def test_keys_become_the_strings_of_json(value: dict[Any, int]) -> None:
    if any(type(key) is float and math.isinf(key) for key in value):
        reason = "nan"
    elif len(json.loads(json.dumps(value))) < len(value):
        reason = "key"
    else:
        assert encode(value) == canonical(json.loads(json.dumps(value)))
        return
    with pytest.raises(NotJSON, match=reason):
        encode(value)


def test_a_record_of_the_deepest_value_is_still_read() -> None:
    value: Any = 1
    for _ in range(MAX_LEVELS):
        value = [value]
    assert loads(f'{{"s":"ok","o":{encode(value)}}}')["o"] == value
    assert MAX_LEVELS < MAX_DEPTH


class _Text(str):
    def __str__(self) -> str:
        raise SystemExit


def test_no_method_of_a_subclass_is_called() -> None:
    with pytest.raises(NotJSON, match="type: _Text"):
        encode(_Text("x"))
    with pytest.raises(NotJSON, match="key: a key of type _Text"):
        encode({_Text("x"): 1})


def test_a_value_that_never_ends_is_refused() -> None:
    cycle: list[Any] = []
    cycle.append(cycle)
    with pytest.raises(NotJSON, match="depth"):
        encode(cycle)
    laughs: Any = [0]
    for _ in range(50):
        laughs = [laughs, laughs]
    with pytest.raises(NotJSON, match="size"):
        encode(laughs)


@given(st.sampled_from("?bBhHiIlLqQefd"), st.binary(min_size=16, max_size=16))
def test_numpy_values_come_back_bit_for_bit(kind: str, data: bytes) -> None:
    numpy = pytest.importorskip("numpy")
    array = numpy.frombuffer(data, "u1").astype(bool) if kind == "?" else numpy.frombuffer(data, kind)
    if not numpy.isfinite(array).all():
        with pytest.raises(NotJSON, match="nan"):
            encode(array)
        return
    for written in (encode(array), encode([*array])):
        assert numpy.array(json.loads(written), kind).tobytes() == array.tobytes()
