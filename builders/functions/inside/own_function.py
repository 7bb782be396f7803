"""The function that a raw file already has. Runs inside the sandbox.

In: a raw file. Out: an entrypoint that calls one function or method, the one that needs most of the file's
code. It is used if the model's function is of no use. Not covered: methods of objects that are made
from other objects; properties, class and static methods, subclasses.
"""

import ast
import contextlib
from collections.abc import Iterator
from typing import Any

from builders.functions.inside.inspection import ENTRYPOINT, definitions, function_in, gives, reached
from builders.functions.inside.syntax import InvalidCode, parts

MOST_WAYS = 20  # how many ways to call a file are tried at most


def own_function(source: str) -> dict[str, Any] | None:
    """Return an entrypoint that calls the function or method that needs most of the file, or None."""
    file = definitions(source)
    ways = []
    for index, part in enumerate(file):
        found = list(calls(part.node))
        if not found:
            continue
        (name,) = part.binds
        with contextlib.suppress(InvalidCode):
            size = sum(len(needed.text) for needed in reached(name, [], file))
            for names, expression, node in found:
                if names and name not in names and len(set(names)) == len(names):
                    text = f"def {ENTRYPOINT}({', '.join(names)}):\n    return {expression}\n"
                    # Among equals, the last one is taken, since it may build on the others.
                    ways.append((size, (node.end_lineno or 0) - node.lineno, index, text))
    for *_, text in sorted(ways, reverse=True)[:MOST_WAYS]:
        with contextlib.suppress(InvalidCode):
            return function_in(parts(text, "the call"), file)
    return None


def calls(node: ast.stmt) -> Iterator[tuple[list[str], str, ast.FunctionDef]]:
    """Yield ways to call what a statement defines: parameters, call expression, called definition."""
    if isinstance(node, ast.FunctionDef) and node.name != ENTRYPOINT and gives(node):
        given = required(node.args)
        yield list(given), f"{node.name}({', '.join(given.values())})", node
    if not isinstance(node, ast.ClassDef) or node.decorator_list:
        return
    if any(not (isinstance(parent, ast.Name) and parent.id == "object") for parent in node.bases):
        return
    methods = [item for item in node.body if isinstance(item, ast.FunctionDef) and not item.decorator_list]
    used = {item.attr for item in ast.walk(node) if isinstance(item, ast.Attribute)}
    made_from = next((required(item.args, n_bound=1) for item in methods if item.name == "__init__"), {})
    made = f"{node.name}({', '.join(made_from.values())})"
    for method in methods:
        if not method.name.startswith("_") and method.name not in used and gives(method):
            given = required(method.args, n_bound=1)
            yield [*made_from, *given], f"{made}.{method.name}({', '.join(given.values())})", method


def required(given: ast.arguments, n_bound: int = 0) -> dict[str, str]:
    """Return how a call passes each required parameter, not `self`; if there is none, all positional ones."""
    plain = [item.arg for item in (*given.posonlyargs, *given.args)][n_bound:]
    must = plain[: max(0, len(plain) - len(given.defaults))]
    named = [
        item.arg for item, default in zip(given.kwonlyargs, given.kw_defaults, strict=True) if not default
    ]
    if not must and not named:
        must = plain
    return {name: name for name in must} | {name: f"{name}={name}" for name in named}
