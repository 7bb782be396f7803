"""Functions that almost take and give JSON values, wrapped so that they do.

In: a function (`reference_code`, `parameters`) of `inspection`, and what it lacks: results as `plain` values
(lists for tuples and sets, text for a Decimal or an object with `__str__`), or parameters as numpy `arrays`
where lists come in. Out: the function with its old body under another name. Text work only. An object without
a text of its own gives its address, which the proof finds.
"""

import re
from typing import Any

from builders.inspection import ENTRYPOINT

_PLAIN = """def plain_value(value):
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, dict):
        return {str(key): plain_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_value(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((plain_value(item) for item in value), key=str)
    return value.tolist() if hasattr(value, "tolist") else str(value)


def {entrypoint}({names}):
    return plain_value({inner}({given}))
"""
_ARRAYS = """def array_value(value):
    import numpy

    return numpy.array(value) if isinstance(value, list) else value


def {entrypoint}({names}):
    return {inner}({given})
"""


_INNER = {"plain": f"{ENTRYPOINT}_value", "arrays": f"{ENTRYPOINT}_of_arrays"}
"""The old function's new name."""


def wrapped(function: dict[str, Any], lack: str) -> dict[str, Any] | None:
    """The function without its `lack` ("plain", "arrays"); None if that is done already, or none of these.

    All parameters must then be given.
    """
    inner, code = _INNER.get(lack, ""), function["reference_code"]
    if inner in code:
        return None
    form = "{0}=array_value({0})" if lack == "arrays" else "{0}={0}"
    wrapper = (_ARRAYS if lack == "arrays" else _PLAIN).replace("{entrypoint}", ENTRYPOINT)
    for name, text in (
        ("{inner}", inner),
        ("{names}", ", ".join(function["parameters"])),
        ("{given}", ", ".join(form.format(name) for name in function["parameters"])),
    ):
        wrapper = wrapper.replace(name, text)
    old = re.sub(rf"\b{ENTRYPOINT}\b", inner, code).rstrip("\n")
    return {
        **function,
        "reference_code": f"{old}\n\n\n{wrapper}",
        "unwrapped": function.get("unwrapped", code),  # what a model should look at
    }
