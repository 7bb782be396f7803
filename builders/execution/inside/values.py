"""The writer of canonical JSON for inputs, outputs and draws, which runs none of their code.

In: the value that an untrusted function returned. Out: `json.dumps(value, sort_keys=True, separators=(",",
":"), ensure_ascii=False, allow_nan=False)`, written by exact type, so that methods of a subclass never run.
Values are stored exactly or refused, as `not_json:REASON`; nothing is rounded. The tests check each line:

    `None`, `bool`, `str`, `list`
        the same
    `int` of up to 4,300 digits
        the same, with every digit
    finite `float`
        the same bits: `-0.0`, `5e-324`
    `tuple`
        a list
    `dict`, `Counter`, `defaultdict`, `OrderedDict`
        an object, sorted by key
    a key that is an `int`, `float`, `bool` or `None`
        its JSON text: `"1"`, `"true"`, `"null"`
    numpy's booleans, integers, floats up to 64 bits, arrays of these
        the same as Python's: `float32(0.1)` is `0.10000000149011612`
    sets, bytes, `Decimal`, complex, namedtuples, enums, all other types and subclasses
        refused: `type`
    NaN, infinities
        refused: `nan`
    a longer `int`; a lone surrogate
        refused: `digits`; `surrogate`
    keys with the same text, such as `1` and `"1"`; keys of other types, including numpy's
        refused: `key`
    over 60 levels, 200,000 elements or 1 MiB
        refused: `depth`, `size`, or `output_too_large` without `not_json:`

Runs inside the worker. The host parses the text again, strictly.
"""

import json
import sys
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from typing import Any

MAX_LEVELS = 60
MAX_ELEMENTS = 200_000
_INT_END = 10**4300  # Python reads no int of more digits back
_CHARS_PER_ELEMENT = 64  # so many characters of a string count as one more element
_INFINITY = float("inf")

_quoted: Callable[[str], str] = json.encoder.encode_basestring
_int_text = int.__repr__
_float_text = float.__repr__
_dict_items = dict.items
_type_name = type.__dict__["__name__"].__get__  # a metaclass could override `.__name__`


class NotJSON(Exception):
    """The refusal of a value that has no JSON form: a one-word `reason`, and a `detail` that explains it."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Encoder:
    """An encoder for any number of values. Each may have up to `MAX_ELEMENTS` elements."""

    def __init__(self) -> None:
        self._elements_left = 0
        self._knows_numpy = False
        self._writers: dict[type, Callable[[Any, int], str]] = {
            type(None): lambda value, level: "null",
            bool: lambda value, level: "true" if value else "false",
            int: self._int,
            float: self._float,
            str: self._str,
            list: self._list,
            tuple: self._list,
            dict: self._dict,
            Counter: self._dict,
            defaultdict: self._dict,
            OrderedDict: self._dict,
        }

    def encode(self, value: Any) -> str:
        """Return the value as canonical JSON. Raise NotJSON if it has none."""
        self._elements_left = MAX_ELEMENTS
        return self._write(value, 0)

    def _write(self, value: Any, level: int) -> str:
        self._spend(1)
        writer = self._writers.get(type(value))
        if writer is None and not self._knows_numpy and "numpy" in sys.modules:
            self._learn_numpy()
            writer = self._writers.get(type(value))
        if writer is None:
            raise NotJSON("type", f"{_type_name(type(value))} is no JSON value")
        return writer(value, level)

    def _spend(self, elements: int) -> None:
        self._elements_left -= elements
        if self._elements_left < 0:
            raise NotJSON("size", f"more than {MAX_ELEMENTS} elements")

    def _int(self, value: int, level: int) -> str:
        if not -_INT_END < value < _INT_END:
            raise NotJSON("digits", "an integer of more than 4,300 digits")
        return _int_text(value)

    def _float(self, value: float, level: int) -> str:
        if value != value or value in (_INFINITY, -_INFINITY):
            raise NotJSON("nan", "NaN or an infinity")
        return _float_text(value)

    def _str(self, value: str, level: int) -> str:
        self._spend(len(value) // _CHARS_PER_ELEMENT)
        if not value.isascii():
            try:
                value.encode("utf-8")
            except UnicodeEncodeError:
                raise NotJSON("surrogate", "a lone surrogate in a string") from None
        return _quoted(value)

    def _list(self, value: list[Any], level: int) -> str:
        self._enter(level, len(value))
        write = self._write
        return "[" + ",".join([write(item, level + 1) for item in value]) + "]"

    def _dict(self, value: dict[Any, Any], level: int) -> str:
        items = _dict_items(value)
        self._enter(level, len(items))
        by_key = {self._key(key): item for key, item in items}
        if len(by_key) != len(items):
            raise NotJSON("key", "two keys are the same string in JSON")
        parts = [f"{self._str(key, level)}:{self._write(by_key[key], level + 1)}" for key in sorted(by_key)]
        return "{" + ",".join(parts) + "}"

    def _enter(self, level: int, n_elements: int) -> None:
        if level >= MAX_LEVELS:
            raise NotJSON("depth", f"more than {MAX_LEVELS} levels")
        if n_elements > self._elements_left:
            raise NotJSON("size", f"more than {MAX_ELEMENTS} elements")

    def _key(self, key: Any) -> str:
        kind = type(key)
        if kind is str:
            return str(key)
        if kind in (int, float, bool, type(None)):
            return self._writers[kind](key, 0)
        raise NotJSON("key", f"a key of type {_type_name(kind)}")

    def _learn_numpy(self) -> None:
        """Add writers for numpy's scalar types and its array: immutable C types, like Python's own."""
        self._knows_numpy = True
        numpy = sys.modules["numpy"]
        to_python = numpy.generic.item
        for kind in {*numpy.sctypeDict.values()}:
            if issubclass(kind, numpy.integer) and not issubclass(kind, numpy.timedelta64):
                self._writers[kind] = lambda value, level: self._int(to_python(value), level)
            elif kind is numpy.bool_:
                self._writers[kind] = lambda value, level: "true" if to_python(value) else "false"
            elif kind in (numpy.float16, numpy.float32, numpy.float64):
                self._writers[kind] = lambda value, level: self._float(to_python(value), level)
        self._writers[numpy.ndarray] = self._array

    def _array(self, value: Any, level: int) -> str:
        if value.dtype.kind not in "biuf" or value.dtype.itemsize > 8:
            raise NotJSON("type", "an array of something else than booleans, integers and floats")
        if value.size > self._elements_left:
            raise NotJSON("size", f"more than {MAX_ELEMENTS} elements")
        return self._write(value.tolist(), level)
