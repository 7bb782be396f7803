"""Wrappers that turn a function into one that takes and returns JSON values, if it almost does.

In: a function (`reference_code`, `parameters`, `signature`) of `inspection`, and a wrapper: `plain` converts
results (tuples and sets to lists, a Decimal or an object with `__str__` to text), `arrays` converts
parameters from lists to numpy arrays. Out: the wrapped function, which calls the old one under a new name.
This module only handles text. The text of an object without `__str__` holds its address, which the proof
detects.
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
"""For each wrapper: name of its helper, new name of the old function, how that gets a parameter, template."""


def wrap(function: dict[str, Any], wrapper: str) -> dict[str, Any] | None:
    """Return the function in a wrapper ("plain" or "arrays"); None for "", or if it already has this one."""
    code = function["reference_code"]
    if wrapper not in _WRAPPERS or _WRAPPERS[wrapper][0] in code:
        return None
    _, inner, form, wrapper_code = _WRAPPERS[wrapper]
    for name, text in (
        ("{entrypoint}", ENTRYPOINT),
        ("{inner}", inner),
        ("{signature}", function["signature"]),
        ("{given}", ", ".join(form.format(name) for name in function["parameters"])),
    ):
        wrapper_code = wrapper_code.replace(name, text)
    old = re.sub(rf"\b{ENTRYPOINT}\b", inner, code).rstrip("\n")
    return {
        **function,
        "reference_code": f"{old}\n\n\n{wrapper_code}",
        "unwrapped": function.get("unwrapped", code),  # the code to show to a model
    }
