"""Reads raw files and replies by their syntax tree. Runs inside the sandbox.

In: a raw file, and the code of a reply about it. Out, as JSON: what the file has to call and what is left to
write anew (`read_file`); the function and the generator of the reply, or what is wrong with each
(`inspect_code`).

Definitions of the file that the reply uses are taken from the file: a model need not write them again.
Whatever neither `main_solution` nor `input_generator` reaches (example runs, prints, plots) is left out.
The host never parses what a model or a stranger wrote, since deep nesting crashes the parser.

Not covered: whether the code runs.
"""

import ast
import builtins
import importlib
from collections.abc import Iterator
from typing import Any

from builders.syntax import (
    CALLABLE,
    FUNCTION,
    IMPORT,
    Fault,
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
READS = {"input", "open", "exec", "eval"}
READ_METHODS = {"read_csv", "read_excel", "loadtxt", "genfromtxt", "urlopen", "parse_args"}
STREAMS = {("sys", "stdin"), ("sys", "argv"), ("os", "environ"), ("os", "listdir"), ("os", "walk")}
OUTSIDE = {
    *("matplotlib", "pylab", "seaborn", "plotly", "turtle", "tkinter", "Tkinter", "pygame", "cv2", "PIL"),
    *("requests", "urllib", "urllib2", "socket", "http", "subprocess", "argparse", "getpass", "sqlite3"),
    *("threading", "multiprocessing", "asyncio", "tensorflow", "torch", "IPython", "google"),
}
_MODULES = (
    *("bisect", "collections", "copy", "functools", "heapq", "itertools", "json", "math", "operator"),
    *("random", "re", "statistics", "string"),
)
# What models use without importing it.
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
    """What is in a reply: a `function` and a `generator`, each with its text or with its fault.

    Raises nothing for bad code.
    """
    file = definitions(source)
    found = {}
    for half, taken in (("function", function_in), ("generator", generator_in)):
        try:
            found[half] = taken(statements(code, half), file)
        except Fault as fault:
            found[half] = {"reason": fault.args[0], "detail": fault.args[1]}
    return found


def statements(code: str, half: str) -> list[Part]:
    """What a reply defines; of one that does not parse, what this half of it defines."""
    try:
        reply = parts(code, "your code")
    except Fault:
        function, mark, generator = code.partition(f"\ndef {GENERATOR}(")
        if not mark:
            raise
        reply = parts(function if half == "function" else mark + generator, "your code")
    return last([part for part in reply if not is_example(part)])


def function_in(reply: list[Part], file: list[Part]) -> dict[str, Any]:
    """The function with all it needs, and its parameters, which must have names."""
    given = definition(reply, ENTRYPOINT, "no_entrypoint").args
    parameters = [item.arg for item in (*given.args, *given.kwonlyargs)]
    if not parameters or given.posonlyargs or given.vararg or given.kwarg:
        raise Fault("no_entrypoint", f"{ENTRYPOINT} must take its input as one or more named parameters")
    reference = reached(ENTRYPOINT, reply, file)
    check_leftovers(reference, ENTRYPOINT)
    return {"reference_code": joined(reference), "parameters": parameters}


def generator_in(reply: list[Part], file: list[Part]) -> dict[str, Any]:
    """The generator with all it needs; it takes no parameter, or `rng`."""
    given = definition(reply, GENERATOR, "no_generator").args
    must = given.args[: len(given.args) - len(given.defaults)]
    if given.posonlyargs or any(item.arg != "rng" for item in must) or None in given.kw_defaults:
        raise Fault("no_generator", f"{GENERATOR} must take no parameters")
    drawn = reached(GENERATOR, reply, file)
    check_leftovers(drawn, GENERATOR)
    return {"input_generator": joined(drawn)}


def own_function(file: list[Part]) -> dict[str, Any] | None:
    """The function or method of a file that builds on most of it, called from an entrypoint; or None."""
    best: dict[str, Any] | None = None
    most = (0, 0)
    for part in file:
        for parameters, call, node in calls(part.node):
            text = f"def {ENTRYPOINT}({', '.join(parameters)}):\n    return {call}\n"
            try:
                found = function_in(parts(text, "the call"), file)
            except Fault:
                continue
            size = (len(found["reference_code"]) - len(text), (node.end_lineno or 0) - node.lineno)
            if size >= most:  # of equals the last: files build up
                best, most = found, size
    return best


def calls(node: ast.stmt) -> Iterator[tuple[list[str], str, ast.FunctionDef]]:
    """Ways to call what a statement defines: parameters, expression, and the definition that is called."""
    if isinstance(node, ast.FunctionDef) and gives(node):
        names = required(node)
        if names:
            yield names, f"{node.name}({', '.join(names)})", node
    if not isinstance(node, ast.ClassDef) or node.decorator_list:
        return
    if any(not (isinstance(parent, ast.Name) and parent.id == "object") for parent in node.bases):
        return
    methods = [item for item in node.body if isinstance(item, ast.FunctionDef) and not item.decorator_list]
    used = {item.attr for item in ast.walk(node) if isinstance(item, ast.Attribute)}
    made_from = next((required(item)[1:] for item in methods if item.name == "__init__"), [])
    for method in methods:
        names = required(method)[1:]
        if method.name.startswith("_") or method.name in used or not gives(method):
            continue
        if (made_from or names) and not set(made_from) & set(names):
            call = f"{node.name}({', '.join(made_from)}).{method.name}({', '.join(names)})"
            yield [*made_from, *names], call, method


def required(node: ast.FunctionDef) -> list[str]:
    """The parameters that a call must give, in order; all of them where each has a default."""
    given = node.args.posonlyargs + node.args.args
    return [item.arg for item in given[: len(given) - len(node.args.defaults)] or given]


def read_file(source: str) -> dict[str, Any]:
    """Split a raw file into what a reply may call and what is left for it to write anew, both as text.

    Called can be what gives something back without reading from outside, and what that needs. A file that
    cannot be read is all left. `function` is the file's own function, if it has one.
    """
    try:
        found = parts(source, "the file", whole=True)
    except Fault:
        return {"definitions": "", "rest": source, "function": None}
    usable = [part for part in found if not is_idle(part.node) and not reads(part.node)]
    kept = {part for part in usable if gives(part.node)}
    while more := {part for part in usable if any(part.binds & user.needs for user in kept)} - kept:
        kept |= more
    left = [part for part in found if part not in kept and not isinstance(part.node, IMPORT)]
    return {
        "definitions": "\n".join(part.text for part in found if part in kept),
        "rest": "\n".join(part.text for part in left),
        "function": own_function(definitions(source)),
    }


def gives(node: ast.stmt) -> bool:
    """Whether this is a class, or a function that gives something back and reads nothing from outside."""
    if isinstance(node, ast.ClassDef):
        return True
    if not isinstance(node, FUNCTION):
        return False
    inner = list(ast.walk(node))
    if any(source_read(item) for item in inner):
        return False
    return any(
        isinstance(item, (ast.Yield, ast.YieldFrom))
        or (isinstance(item, ast.Return) and item.value is not None)
        for item in inner
    )


def definitions(source: str) -> list[Part]:
    """What a reply may take from the file; nothing from one in another language."""
    try:
        return [part for part in parts(source, "the file") if not reads(part.node)]
    except Fault:
        return []


def is_example(part: Part) -> bool:
    """Whether a statement of the reply runs the functions instead of defining something."""
    return not part.definition and bool(part.needs & {ENTRYPOINT, GENERATOR})


def reads(node: ast.AST) -> bool:
    """Whether a statement, when it is run, reads what comes from outside."""
    return any(source_read(item) for item in own_level(node))


def source_read(node: ast.AST) -> str:
    """What this very node reads from: a call or a stream by its name, or nothing."""
    if called(node) in READS:
        return called(node)
    pair = dotted(node)
    return ".".join(pair) if pair and (pair in STREAMS or pair[1] in READ_METHODS) else ""


def definition(reply: list[Part], name: str, reason: str) -> ast.FunctionDef:
    """The function of this name in the reply."""
    for part in reversed(reply):
        if isinstance(part.node, ast.FunctionDef) and part.node.name == name:
            return part.node
    raise Fault(reason, f"your code does not define the function {name}")


def reached(root: str, reply: list[Part], file: list[Part]) -> list[Part]:
    """The statements that a function needs, from the file first, then from the reply, each in its order."""
    chosen: set[Part] = set()
    usual: set[str] = set()
    seen: set[str] = set()
    open_names = [root]
    while open_names:
        name = open_names.pop()
        if name in seen:
            continue
        seen.add(name)
        found = binding(name, reply) or binding(name, file)
        if not found and not hasattr(builtins, name):
            found = starred(name, reply + file)
            if not found and name in USUAL:
                usual.add(USUAL[name].format(name))
            elif not found and not name.startswith("__"):
                raise Fault("undefined_name", f"{root} needs the name {name!r}, which is not defined")
        for part in found:
            chosen.add(part)
            open_names += part.needs
    added = [part for line in sorted(usual) for part in parts(line, "an import")]
    return added + [part for part in file + reply if part in chosen]


def binding(name: str, among: list[Part]) -> list[Part]:
    """The last definition of a name, or every statement that makes up a variable."""
    found = [part for part in among if name in part.binds]
    definitions = [part for part in found if part.definition]
    return definitions[-1:] if definitions else found


def starred(name: str, among: list[Part]) -> list[Part]:
    """The `from module import *` that brings a name."""
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
    """What a pure function has no use for: reading, plotting, the network, the command line."""
    for part in chosen:
        for node in ast.walk(part.node):
            found = source_read(node)
            modules = [item.name for item in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found = found or next((name for name in modules if name.split(".")[0] in OUTSIDE), "")
            if found:
                raise Fault(
                    "leftover_io",
                    f"{root} still uses {found}; take values as parameters and return the result",
                )


def joined(chosen: list[Part]) -> str:
    """The statements as one text: imports once and first, definitions apart by blank lines."""
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
