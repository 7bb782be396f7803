"""Inspection of raw files and replies by their syntax tree. Runs inside the sandbox.

In: a raw file, and the code of a reply about it. Out, as JSON: what a reply can call in the file, and what it
has to write again (`read_file`); the function and the generator of the reply, or what is wrong with each
(`inspect_code`).

Definitions that the reply uses and does not repeat are taken from the file. Whatever `main_solution` and
`input_generator` do not need (example runs, prints, plots) is left out. The host never parses what a model or
a stranger wrote, since deep nesting crashes the parser.

Not covered: whether the code runs.
"""

import ast
import builtins
import contextlib
import importlib
import re
from typing import Any

from builders.functions.inside.syntax import (
    CALLABLE,
    FUNCTION,
    IMPORT,
    InvalidCode,
    Part,
    called,
    dotted,
    is_idle,
    last,
    own_level,
    parts,
)

ENTRYPOINT = "main_solution"
GENERATOR = "input_generator"
# What reads from outside: calls of built-in functions, calls of methods, and attributes of modules.
READS = {"input", "open", "exec", "eval"}
READ_METHODS = {"read_csv", "read_excel", "loadtxt", "genfromtxt", "urlopen", "parse_args"}
STREAMS = {("sys", "stdin"), ("sys", "argv"), ("os", "environ"), ("os", "listdir"), ("os", "walk")}
# Modules that a function must not import: they plot, ask, or use the network, processes or accelerators.
OUTSIDE = {
    *("matplotlib", "pylab", "seaborn", "plotly", "turtle", "tkinter", "Tkinter", "pygame", "cv2", "PIL"),
    *("requests", "urllib", "urllib2", "socket", "http", "subprocess", "argparse", "getpass", "sqlite3"),
    *("threading", "multiprocessing", "asyncio", "tensorflow", "torch", "IPython", "google"),
}
_MODULES = (
    *("bisect", "collections", "copy", "functools", "heapq", "itertools", "json", "math", "operator"),
    *("random", "re", "statistics", "string"),
)
# Names that models use without importing them.
USUAL = {
    **dict.fromkeys(_MODULES, "import {}"),
    "np": "import numpy as {}",
    **dict.fromkeys(("defaultdict", "deque", "Counter", "OrderedDict"), "from collections import {}"),
    **dict.fromkeys(("List", "Dict", "Tuple", "Set", "Optional", "Union", "Any"), "from typing import {}"),
    **dict.fromkeys(("reduce", "lru_cache", "cache"), "from functools import {}"),
    **dict.fromkeys(("permutations", "combinations", "product"), "from itertools import {}"),
    **dict.fromkeys(("sqrt", "pi", "gcd", "factorial"), "from math import {}"),
}


def inspect_code(code: str, source: str) -> dict[str, Any]:
    """Return the `function` and the `generator` of a reply, each with its text or with its fault.

    Invalid code does not raise an error.
    """
    file = definitions(source)
    reply, broken = statements(code)
    found = {}
    for half, taken in (("function", function_in), ("generator", generator_in)):
        try:
            found[half] = taken(reply, file)
        except InvalidCode as error:
            reason, detail = (broken or error).args
            found[half] = {"reason": reason, "detail": detail}
    return found


def statements(code: str) -> tuple[list[Part], InvalidCode | None]:
    """Return a reply's statements without example runs; if it does not parse, those that do, and why."""
    broken = None
    try:
        reply = parts(code, "your code")
    except InvalidCode as error:
        broken, reply = error, []
        for statement in re.split(r"^(?=[^\s)\]}])", code, flags=re.MULTILINE):
            with contextlib.suppress(InvalidCode):
                reply += parts(statement, "your code")
    return last([part for part in reply if not is_example(part)]), broken


def function_in(reply: list[Part], file: list[Part]) -> dict[str, Any]:
    """Return the function with all that it needs, and its parameters, which must have names."""
    given = definition(reply, ENTRYPOINT, "no_entrypoint").args
    parameters = [item.arg for item in (*given.args, *given.kwonlyargs)]
    if not parameters or given.posonlyargs or given.vararg or given.kwarg:
        raise InvalidCode(
            "no_entrypoint", f"{ENTRYPOINT} must take its input as one or more named parameters"
        )
    reference = reached(ENTRYPOINT, reply, file)
    check_leftovers(reference, ENTRYPOINT)
    signature = ast.unparse(given)
    return {"reference_code": joined(reference), "parameters": parameters, "signature": signature}


def generator_in(reply: list[Part], file: list[Part]) -> dict[str, Any]:
    """Return the generator with all that it needs. It must take no parameter, or only `rng`."""
    given = definition(reply, GENERATOR, "no_generator").args
    must = given.args[: len(given.args) - len(given.defaults)]
    if given.posonlyargs or any(item.arg != "rng" for item in must) or None in given.kw_defaults:
        raise InvalidCode("no_generator", f"{GENERATOR} must take no parameters")
    drawn = reached(GENERATOR, reply, file)
    check_leftovers(drawn, GENERATOR)
    return {"input_generator": joined(drawn)}


def read_file(source: str) -> dict[str, str]:
    """Split a raw file into `definitions`, which a reply may call, and the `rest`, both as text.

    The definitions are what returns something without reading from outside, and what that needs. All of a
    file that does not parse is the rest.
    """
    try:
        found = parts(source, "the file", whole=True)
    except InvalidCode:
        return {"definitions": "", "rest": source}
    usable = [part for part in found if not is_idle(part.node) and not reads(part.node)]
    kept = {part for part in usable if gives(part.node)}
    while more := {part for part in usable if any(part.binds & user.needs for user in kept)} - kept:
        kept |= more
    left = [part for part in found if part not in kept and not isinstance(part.node, IMPORT)]
    return {
        "definitions": "\n".join(part.text for part in found if part in kept),
        "rest": "\n".join(part.text for part in left),
    }


def gives(node: ast.stmt) -> bool:
    """Return whether this is a class, or a function that returns something and reads nothing from outside."""
    if isinstance(node, ast.ClassDef):
        return True
    if not isinstance(node, FUNCTION):
        return False
    if any(source_read(item) for item in ast.walk(node)):
        return False
    return any(
        isinstance(item, (ast.Yield, ast.YieldFrom))
        or (isinstance(item, ast.Return) and item.value is not None)
        for statement in node.body
        for item in own_level(statement)
    )


def definitions(source: str) -> list[Part]:
    """Return what a reply may use of the file; nothing if the file is in another language."""
    try:
        return [part for part in parts(source, "the file") if not reads(part.node)]
    except InvalidCode:
        return []


def is_example(part: Part) -> bool:
    """Return whether a statement of the reply runs the functions instead of defining something."""
    return not part.definition and bool(part.needs & {ENTRYPOINT, GENERATOR})


def reads(node: ast.AST) -> bool:
    """Return whether a statement reads something from outside when it is run."""
    return any(source_read(item) for item in own_level(node))


def source_read(node: ast.AST) -> str:
    """Return what this node itself reads from, the name of a call or a stream; empty if nothing."""
    if called(node) in READS:
        return called(node)
    pair = dotted(node)
    return ".".join(pair) if pair and (pair in STREAMS or pair[1] in READ_METHODS) else ""


def definition(reply: list[Part], name: str, reason: str) -> ast.FunctionDef:
    """Return the function of this name in the reply."""
    for part in reversed(reply):
        if isinstance(part.node, ast.FunctionDef) and part.node.name == name:
            return part.node
    raise InvalidCode(reason, f"your code does not define the function {name}")


def reached(root: str, reply: list[Part], file: list[Part]) -> list[Part]:
    """Return the statements that a function needs: those of the file, then of the reply, in their order."""
    chosen: set[Part] = set()
    usual: set[str] = set()
    seen: set[str] = set()
    open_names = [root]
    by_name = indexed(reply), indexed(file)
    while open_names:
        name = open_names.pop()
        if name in seen:
            continue
        seen.add(name)
        found = binding(name, by_name[0]) or binding(name, by_name[1])
        if not found and not hasattr(builtins, name):
            found = starred(name, reply + file)
            if not found and name in USUAL:
                usual.add(USUAL[name].format(name))
            elif not found and not name.startswith("__"):
                raise InvalidCode("undefined_name", f"{root} needs the name {name!r}, which is not defined")
        for part in found:
            chosen.add(part)
            open_names += part.needs
    added = [part for line in sorted(usual) for part in parts(line, "an import")]
    return added + [part for part in file + reply if part in chosen]


def indexed(among: list[Part]) -> dict[str, list[Part]]:
    """Return the statements that bind each name."""
    by_name: dict[str, list[Part]] = {}
    for part in among:
        for name in part.binds:
            by_name.setdefault(name, []).append(part)
    return by_name


def binding(name: str, by_name: dict[str, list[Part]]) -> list[Part]:
    """Return the last definition of a name, or all statements that build up a variable."""
    found = by_name.get(name, [])
    definitions = [part for part in found if part.definition]
    return definitions[-1:] if definitions else found


def starred(name: str, among: list[Part]) -> list[Part]:
    """Return the `from module import *` that provides a name."""
    for part in among:
        if part.star:
            try:
                module = importlib.import_module(part.star)
            except Exception:
                continue
            if hasattr(module, name):
                return [part]
    return []


def check_leftovers(chosen: list[Part], root: str) -> None:
    """Raise InvalidCode if the code is not pure: it reads, plots, or uses the network or command line."""
    for part in chosen:
        for node in ast.walk(part.node):
            found = source_read(node)
            modules = [item.name for item in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found = found or next((name for name in modules if name.split(".")[0] in OUTSIDE), "")
            if found:
                raise InvalidCode(
                    "leftover_io",
                    f"{root} still uses {found}; take values as parameters and return the result",
                )


def joined(chosen: list[Part]) -> str:
    """Return the statements as one text: imports first and once, blank lines around definitions."""
    future = [
        part.text
        for part in chosen
        if isinstance(part.node, ast.ImportFrom) and part.node.module == "__future__"
    ]
    imports = [part.text for part in chosen if isinstance(part.node, IMPORT)]
    rest = [part for part in chosen if not isinstance(part.node, IMPORT)]
    text = "\n".join(dict.fromkeys(future + imports))
    for index, part in enumerate(rest):
        wide = index == 0 or isinstance(part.node, CALLABLE) or rest[index - 1].definition
        text += ("\n\n\n" if wide else "\n") + part.text
    return text.strip("\n") + "\n"
