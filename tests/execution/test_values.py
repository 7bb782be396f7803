"""The encoder writes what json.dumps would, by exact type, and runs no code of the value."""

import collections
import enum
import json
import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders.execution.values import MAX_LEVELS, Encoder, NotJSON
from hub.verifier import MAX_DEPTH, canonical, loads

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def encode(value: Any) -> str:
    return Encoder().encode(value)


@settings(deadline=None)  # a loaded machine is slow
@given(JSON)
def test_json_values_are_written_canonically(value: Any) -> None:
    assert encode(value) == canonical(value)


@settings(deadline=None)
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


def test_dictionaries_of_the_library_are_objects() -> None:
    assert encode(collections.Counter("aab")) == '{"a":2,"b":1}'
    assert encode(collections.defaultdict(int, {"a": 1})) == '{"a":1}'
    assert encode(collections.OrderedDict(b=1, a=2)) == '{"a":2,"b":1}'


def test_a_record_of_the_deepest_value_is_still_read() -> None:
    value: Any = 1
    for _ in range(MAX_LEVELS):
        value = [value]
    assert loads(f'{{"s":"ok","o":{encode(value)}}}')["o"] == value
    assert MAX_LEVELS < MAX_DEPTH


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def billion_laughs() -> Any:
    value: Any = [0]
    for _ in range(50):
        value = [value, value]
    return value


class _Text(str):
    def __str__(self) -> str:
        raise SystemExit


class _Colour(enum.IntEnum):
    RED = 1


_Point = collections.namedtuple("_Point", "x y")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({1, 2}, "type"),
        (b"x", "type"),
        (Decimal(1), "type"),
        (1j, "type"),
        (_Text("x"), "type"),
        ({_Text("x"): 1}, "key"),
        (_Colour.RED, "type"),
        (_Point(1, 2), "type"),
        (object(), "type"),
        (math.nan, "nan"),
        ([math.inf], "nan"),
        ({math.nan: 1}, "nan"),
        ({1: 1, "1": 2}, "key"),
        ({(1, 2): 1}, "key"),
        ("\ud800", "surrogate"),
        (10**4300, "digits"),
        (nested(MAX_LEVELS + 1), "depth"),
        (billion_laughs(), "size"),
        (list(range(300_000)), "size"),
    ],
    ids=lambda value: (
        type(value).__name__ if not isinstance(value, str) else value.encode("ascii", "replace")
    ),
)
def test_what_is_no_json_is_refused_with_its_reason(value: Any, reason: str) -> None:
    with pytest.raises(NotJSON) as refusal:
        encode(value)
    assert refusal.value.reason == reason


def test_a_cycle_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(NotJSON, match="depth"):
        encode(value)


def test_numpy_values_are_plain() -> None:
    numpy = pytest.importorskip("numpy")
    value = [
        numpy.int8(1),
        numpy.uint64(2**64 - 1),
        numpy.float32(0.5),
        numpy.bool_(True),
        numpy.arange(4).reshape(2, 2),
    ]
    assert encode(value) == "[1,18446744073709551615,0.5,true,[[0,1],[2,3]]]"
    for refused in (
        numpy.float64("nan"),
        numpy.array(["a"]),
        numpy.array([{}]),
        numpy.datetime64("2020"),
        numpy.complex128(1),
    ):
        with pytest.raises(NotJSON):
            encode(refused)
