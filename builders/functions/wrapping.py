"""Wrappers for functions that almost take and return JSON values, so that they do.

In: a function (`reference_code`, `parameters`, `signature`) of `inspection`, and what it lacks: `plain`
results (lists for tuples and sets, text for a Decimal or an object with `__str__`), or numpy `arrays` as
parameters instead of lists. Out: the function, which calls its old body under a new name. This module only
handles text. An object without a text of its own gives its address, which the proof detects.
"""

import re
from typing import Any

from builders.functions.inside.inspection import ENTRYPOINT

_PLAIN = """def plain_value(value):
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, dict):
        plain = {str(key): plain_value(item) for key, item in value.items()}
        if len(plain) < len(value):
            raise ValueError("two keys have the same text")
        return plain
    if isinstance(value, (set, frozenset)):
        return sorted((plain_value(item) for item in value), key=str)
    if hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "__iter__"):
        return [plain_value(item) for item in value]
    return str(value)


def {entrypoint}({signature}):
    return plain_value({inner}({given}))
"""
_ARRAYS = """def array_value(value):
    import numpy

    return numpy.array(value) if isinstance(value, list) else value


def {entrypoint}({signature}):
    return {inner}({given})
"""


_WRAPPERS = {
    "plain": ("plain_value", f"{ENTRYPOINT}_value", "{0}={0}", _PLAIN),
    "arrays": ("array_value", f"{ENTRYPOINT}_of_arrays", "{0}=array_value({0})", _ARRAYS),
}
"""For each lack: name of the helper, new name of the old function, how it gets a parameter, wrapper."""


def wrap(function: dict[str, Any], lack: str) -> dict[str, Any] | None:
    """Return the function wrapped for `lack` ("plain", "arrays"); None if it already is, or for no lack."""
    code = function["reference_code"]
    if lack not in _WRAPPERS or _WRAPPERS[lack][0] in code:
        return None
    _, inner, form, wrapper = _WRAPPERS[lack]
    for name, text in (
        ("{entrypoint}", ENTRYPOINT),
        ("{inner}", inner),
        ("{signature}", function["signature"]),
        ("{given}", ", ".join(form.format(name) for name in function["parameters"])),
    ):
        wrapper = wrapper.replace(name, text)
    old = re.sub(rf"\b{ENTRYPOINT}\b", inner, code).rstrip("\n")
    return {
        **function,
        "reference_code": f"{old}\n\n\n{wrapper}",
        "unwrapped": function.get("unwrapped", code),  # the code to show to a model
    }
