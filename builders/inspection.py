"""Runs inside the sandbox: reads a model's code by its syntax tree, and cuts it to what the function needs.

In: the code of a reply, and the raw file it was made from. Out: a JSON object with `reference_code`,
`input_generator` and `parameters`, or with `reason` and `detail` of what is wrong with the reply.

The source of this module is itself the code of a `Job`: it imports the standard library only, and the host
never parses what a model or a stranger wrote, since deep nesting crashes the parser.

Definitions of the file that the reply uses without repeating them are taken from the file; whatever neither
`main_solution` nor `input_generator` reaches (example runs, prints, plots) is left out.

Not covered: whether the code runs, and names that code makes up at run time (`globals()`, `exec`).
"""

import ast
import builtins
import importlib
import re
import symtable
from collections.abc import Iterator

ENTRYPOINT = "main_solution"
GENERATOR = "input_generator"

READS = {"input", "raw_input", "open", "exit", "quit", "exec", "eval"}
STREAMS = {("sys", "stdin"), ("sys", "argv"), ("sys", "stdout"), ("sys", "exit"), ("os", "environ")}
CLOCK = {
    ("date", "today"),
    ("datetime", "now"),
    ("datetime", "today"),
    ("datetime", "utcnow"),
    ("time", "time"),
}
OUTSIDE = {
    *("matplotlib", "pylab", "seaborn", "plotly", "turtle", "tkinter", "Tkinter", "pygame", "cv2", "PIL"),
    *("requests", "urllib", "urllib2", "socket", "http", "subprocess", "argparse", "getpass", "sqlite3"),
    *("threading", "multiprocessing", "asyncio", "tensorflow", "torch", "IPython", "google"),
}
# What small models use without importing it.
USUAL = {
    **{
        name: f"import {name}"
        for name in ("math", "random", "itertools", "collections", "functools", "heapq")
    },
    **{
        name: f"import {name}"
        for name in ("string", "re", "json", "copy", "bisect", "operator", "statistics")
    },
    **dict.fromkeys(("np",), "import numpy as np"),
    **{
        name: f"from collections import {name}" for name in ("defaultdict", "deque", "Counter", "OrderedDict")
    },
    **{
        name: f"from typing import {name}"
        for name in ("List", "Dict", "Tuple", "Optional", "Any", "Set", "Union")
    },
    **{name: f"from functools import {name}" for name in ("reduce", "lru_cache", "cache")},
    **{name: f"from itertools import {name}" for name in ("permutations", "combinations", "product")},
    **{name: f"from math import {name}" for name in ("sqrt", "pi", "gcd")},
}
PURE = {
    "str",
    "len",
    "repr",
    "round",
    "sum",
    "min",
    "max",
    "sorted",
    "list",
    "type",
    "int",
    "float",
    "format",
    "abs",
}
PYTHON_2 = (
    (r"^([^#\n]*?)\bprint(?![\w(]|\s*[=(.,)])(?!\s*\().*$", r"\1pass"),
    (r"^([^#\n]*?)\bprint(?=\s*\().*$", r"\1pass"),
    (r"\bexcept\s+([\w., ()]+?)\s*,\s*(\w+)\s*:", r"except \1 as \2:"),
    (r"\braise\s+(\w+)\s*,\s*(.+)$", r"raise \1(\2)"),
    (r"\bxrange\b", "range"),
    (r"\braw_input\b", "input"),
    (r"\.iter(items|keys|values)\(", r".\1("),
    (r"\b(\w+)\.has_key\(([^()]+)\)", r"(\2 in \1)"),
    (r"<>", "!="),
)
FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


class Fault(Exception):
    """What is wrong with a reply: a reason, and a sentence for the one who wrote it."""


class Part:
    """A statement of the top level: its text, the names it binds, and the names it needs."""

    def __init__(self, node: ast.stmt, text: str) -> None:
        self.node = node
        self.text = text
        self.definition = isinstance(node, (*FUNCTION, ast.ClassDef, ast.Import, ast.ImportFrom))
        self.binds = bound(node)
        self.needs = needed(text)

    @property
    def star(self) -> str | None:
        """The module, if this is `from module import *`."""
        if isinstance(self.node, ast.ImportFrom) and self.node.names[0].name == "*":
            return self.node.module
        return None


def inspect_code(code: str, source: str) -> dict[str, object]:
    """Judge a reply. Raises nothing for bad code: the fault is told in the result."""
    try:
        reply = [part for part in parts(code, "your code") if not is_example(part)]
        file = definitions(source)
        entrypoint = definition(reply, ENTRYPOINT, "no_entrypoint")
        generator = definition(reply, GENERATOR, "no_generator")
        parameters = check_signatures(entrypoint, generator)
        reference = reached(ENTRYPOINT, reply, file)
        drawn = reached(GENERATOR, reply, file)
        check_leftovers(reference, ENTRYPOINT, CLOCK)
        check_leftovers(drawn, GENERATOR, set())
        return {
            "reference_code": joined(reference),
            "input_generator": joined(drawn),
            "parameters": parameters,
        }
    except Fault as fault:
        return {"reason": fault.args[0], "detail": fault.args[1]}


def read_file(source: str) -> dict[str, object]:
    """Tell whether a raw file parses, if need be with its Python 2 statements rewritten, and what it defines."""
    found = []
    for part in definitions(source):
        if isinstance(part.node, ast.FunctionDef) and part.node.name != "main":
            found.append(f"{part.node.name}({ast.unparse(part.node.args)})")
        elif isinstance(part.node, ast.ClassDef):
            found.append(f"class {part.node.name}")
    return {"definitions": found}


def definitions(source: str) -> list[Part]:
    """What a reply may take from the file; nothing from one in another language."""
    for text in (source, modern(source)):
        try:
            return [part for part in parts(text, "the file") if not reads(part.node)]
        except Fault:
            continue
    return []


def modern(source: str) -> str:
    """The commonest words of Python 2 in Python 3, line by line; its print statements fall away."""
    source = source.expandtabs(8)
    for pattern, replacement in PYTHON_2:
        source = re.sub(pattern, replacement, source, flags=re.MULTILINE)
    return source


def parts(code: str, what: str) -> list[Part]:
    """Split code into its top-level statements, without docstrings, prints and the `__main__` block."""
    code = code.replace("\r\n", "\n").replace("\r", "\n")
    try:
        nodes = ast.parse(code).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line, text = getattr(error, "lineno", None) or 0, (getattr(error, "text", None) or "").strip()
        raise Fault("syntax_error", f"{what} does not parse: line {line}: {error.args[0]}: {text}") from None
    lines = code.split("\n")
    found = []
    for index, node in enumerate(nodes):
        if is_idle(node):
            continue
        start = min([node.lineno, *(item.lineno for item in getattr(node, "decorator_list", []))])
        neighbours = nodes[max(index - 1, 0) : index] + nodes[index + 1 : index + 2]
        if any(start <= other.lineno <= node.end_lineno or other.end_lineno == start for other in neighbours):
            text = ast.get_source_segment(code, node) or ""  # several statements on a line
        else:
            text = "\n".join(lines[start - 1 : node.end_lineno])
        found.append(Part(node, without_prints(text)))
    return found


def is_idle(node: ast.stmt) -> bool:
    """Docstrings, prints and the `__main__` block: nothing that others build on."""
    if isinstance(node, ast.If):
        return any(isinstance(name, ast.Name) and name.id == "__name__" for name in ast.walk(node.test))
    return isinstance(node, ast.Expr) and (isinstance(node.value, ast.Constant) or is_print(node))


def is_print(node: ast.AST) -> bool:
    """Whether this is a call of print whose arguments do nothing else."""
    if not (isinstance(node, ast.Expr) and called(node.value) == "print"):
        return False
    calls = [item for item in ast.walk(node.value) if isinstance(item, ast.Call) and item is not node.value]
    return all(called(item) in PURE or getattr(item.func, "attr", "") in ("format", "join") for item in calls)


def called(node: ast.AST) -> str:
    """The plain name of the function that is called, or an empty string."""
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""


def without_prints(text: str) -> str:
    """Leave out the statements that only print; a block that held nothing else keeps a `pass`."""
    lines = text.split("\n")
    edits: list[tuple[int, int, bool]] = []
    for node in ast.walk(ast.parse(text)):
        for body in (getattr(node, name, None) for name in ("body", "orelse", "finalbody")):
            if not isinstance(body, list) or isinstance(node, ast.Module):
                continue
            prints = [item for item in body if is_print(item) and alone(item, lines)]
            edits += [
                (item.lineno, item.end_lineno, item is body[0] and len(prints) == len(body))
                for item in prints
            ]
    for start, end, needs_pass in sorted(edits, reverse=True):
        indent = re.match(r"\s*", lines[start - 1])[0]
        lines[start - 1 : end] = [f"{indent}pass"] if needs_pass else []
    return "\n".join(lines)


def alone(node: ast.stmt, lines: list[str]) -> bool:
    """Whether a statement has its lines to itself."""
    before = lines[node.lineno - 1].encode()[: node.col_offset].decode()
    after = lines[node.end_lineno - 1].encode()[node.end_col_offset :].decode().strip()
    return not before.strip() and (not after or after.startswith("#"))


def bound(node: ast.stmt) -> set[str]:
    """Names that a statement binds, or whose value it changes in place, at its own level."""
    if isinstance(node, (*FUNCTION, ast.ClassDef)):
        return {node.name}
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return {(item.asname or item.name).split(".")[0] for item in node.names}
    names = set()
    for item in own_level(node):
        if isinstance(item, (*FUNCTION, ast.ClassDef)):
            names.add(item.name)
        elif isinstance(item, (ast.Import, ast.ImportFrom)):
            names |= bound(item)
        elif isinstance(item, (ast.Name, ast.Subscript, ast.Attribute)) and isinstance(item.ctx, ast.Store):
            names.add(base(item))
        elif isinstance(item, ast.Expr) and isinstance(item.value, ast.Call):
            if isinstance(item.value.func, ast.Attribute):  # table.append(1)
                names.add(base(item.value.func))
    return names - {""}


def own_level(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes of a statement, without the bodies of the functions and classes in it."""
    yield node
    if not isinstance(node, (*FUNCTION, ast.ClassDef, ast.Lambda)):
        for child in ast.iter_child_nodes(node):
            yield from own_level(child)


def base(node: ast.AST) -> str:
    """The name that `name[0].attribute` starts from."""
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def needed(text: str) -> set[str]:
    """Names that a statement looks up in the module or among the builtins, also from inside its functions."""
    names = set()
    tables = [symtable.symtable(text, "<code>", "exec")]
    while tables:
        table = tables.pop()
        tables += table.get_children()
        for symbol in table.get_symbols():
            if symbol.is_referenced() and (table.get_type() == "module" or symbol.is_global()):
                names.add(symbol.get_name())
    return names


def is_example(part: Part) -> bool:
    """Whether a statement of the reply runs the functions instead of defining something."""
    return not part.definition and bool(part.needs & {ENTRYPOINT, GENERATOR})


def reads(node: ast.AST) -> bool:
    """Whether a statement, when it is run, reads what comes from outside."""
    return any(called(item) in READS or dotted(item) in STREAMS for item in own_level(node))


def dotted(node: ast.AST) -> tuple[str, str] | None:
    """`("sys", "stdin")` for `sys.stdin`."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return node.value.id, node.attr
    return None


def definition(reply: list[Part], name: str, reason: str) -> ast.FunctionDef:
    """The function of this name in the reply."""
    for part in reversed(reply):
        if isinstance(part.node, ast.FunctionDef) and part.node.name == name:
            return part.node
    raise Fault(reason, f"your code does not define the function {name}")


def check_signatures(entrypoint: ast.FunctionDef, generator: ast.FunctionDef) -> list[str]:
    """The entrypoint's parameters, which must have names; the generator takes none, or `rng`."""
    given = entrypoint.args
    names = [item.arg for item in (*given.args, *given.kwonlyargs)]
    if not names or given.posonlyargs or given.vararg or given.kwarg:
        raise Fault("no_entrypoint", f"{ENTRYPOINT} must take its input as one or more named parameters")
    given = generator.args
    required = given.args[: len(given.args) - len(given.defaults)]
    if given.posonlyargs or any(item.arg != "rng" for item in required) or None in given.kw_defaults:
        raise Fault("no_generator", f"{GENERATOR} must take no parameters")
    return names


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
                usual.add(USUAL[name])
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
            except Exception:  # noqa: S112  a stranger's module may fail in any way
                continue
            if hasattr(module, name):
                return [part]
    return []


def check_leftovers(chosen: list[Part], root: str, more: set[tuple[str, str]]) -> None:
    """What a pure function has no use for: reading, plotting, the network, the command line, the clock."""
    for part in chosen:
        for node in ast.walk(part.node):
            found = called(node) if called(node) in READS else ""
            found = found or (".".join(dotted(node)) if dotted(node) in STREAMS | more else "")
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
    imports = [part.text for part in chosen if isinstance(part.node, (ast.Import, ast.ImportFrom))]
    rest = [part for part in chosen if not isinstance(part.node, (ast.Import, ast.ImportFrom))]
    text = "\n".join(dict.fromkeys(future + imports))
    for before, part in zip([None, *rest], rest):
        wide = isinstance(part.node, (*FUNCTION, ast.ClassDef)) or (before and before.definition)
        text += ("\n\n\n" if wide or before is None else "\n") + part.text
    return text.strip("\n") + "\n"
