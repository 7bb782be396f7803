"""The statements of Python code: their text, and the names that they bind and need. Runs inside the sandbox.

In: code in Python 3, or in Python 2 if a few replacements turn it into Python 3. Out: its top-level
statements as `Part`s, without those that only print. Imports only the standard library.

Not covered: names that code creates at run time (`globals()`, `exec`).
Tested in tests/builders/functions/inside/test_inspection.py.
"""

import ast
import re
import symtable
from collections.abc import Iterator

# Words that Python 3 does not have: replaced everywhere, except in code that defines them itself.
OLD_WORDS = {
    "xrange": (r"\bxrange\b", "range"),
    "raw_input": (r"\braw_input\b", "input"),
    "iteritems": (r"\.iteritems\(", ".items("),
    "iterkeys": (r"\.iterkeys\(", ".keys("),
    "itervalues": (r"\.itervalues\(", ".values("),
    "has_key": (r"\b(\w+)\.has_key\(([^()]+)\)", r"(\2 in \1)"),
}
# Statements of Python 2, replaced line by line in code that does not parse. Its prints are dropped.
OLD_STATEMENTS = (
    (r"\bexcept\s+([\w., ()]+?)\s*,\s*(\w+)\s*:", r"except \1 as \2:"),
    (r"\braise\s+(\w+)\s*,\s*(.+)$", r"raise \1(\2)"),
    (r"<>", "!="),
)
OLD_PRINT = r"^(\s*|[^#\n]*[:;]\s*)print(?:[ \t]+([^=\s(].*)|[ \t]*(\(.*)|[ \t]*)$"
# Functions without an effect: a print that calls only these can be left out.
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
FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)
CALLABLE = (*FUNCTION, ast.ClassDef)
IMPORT = (ast.Import, ast.ImportFrom)


class InvalidCode(Exception):
    """What is wrong with a reply: a reason, and a sentence for its author."""


class Part:
    """A top-level statement: its text, the names that it binds, and the names that it needs."""

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


def parsed(code: str, what: str) -> tuple[str, list[ast.stmt]]:
    """Return code and its statements, with the most common Python 2 rewritten if necessary."""
    code = code.replace("\r\n", "\n").replace("\r", "\n")
    own = set(re.findall(r"\bdef (\w+)", code))
    code = replaced(code, tuple(pattern for word, pattern in OLD_WORDS.items() if word not in own))
    try:
        return code, ast.parse(code).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        rewritten = replaced(code.expandtabs(8), OLD_STATEMENTS)
        for printing in (r"\1print(\2\3)", r"\1pass"):
            text = re.sub(OLD_PRINT, printing, rewritten, flags=re.MULTILINE)
            try:
                return text, ast.parse(text).body
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                continue
        line, text = getattr(error, "lineno", None) or 0, (getattr(error, "text", None) or "").strip()
        told = f"{what} does not parse: line {line}: {error.args[0]}: {text}"
        raise InvalidCode("syntax_error", told) from None


def replaced(code: str, patterns: tuple[tuple[str, str], ...]) -> str:
    """Apply each replacement to all lines."""
    for pattern, replacement in patterns:
        code = re.sub(pattern, replacement, code, flags=re.MULTILINE)
    return code


def parts(code: str, what: str, whole: bool = False) -> list[Part]:
    """Split code into its top-level statements, without docstrings, prints and the `__main__` block.

    With `whole`, keep all statements, each with the comments above it. Raise InvalidCode for code that does
    not parse, or in which Python finds an error only when it compiles.
    """
    try:
        return split(*parsed(code, what), whole)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InvalidCode("syntax_error", f"{what} does not compile: {error.args[0]}") from None


def split(code: str, nodes: list[ast.stmt], whole: bool) -> list[Part]:
    """Return the parts of code that parses."""
    lines = code.split("\n")
    found = []
    above = 0
    for index, node in enumerate(nodes):
        start = min([node.lineno, *(item.lineno for item in getattr(node, "decorator_list", []))])
        end = node.end_lineno or start
        following = nodes[index + 1].lineno if index + 1 < len(nodes) else end + 1
        if start <= above or following <= end:
            text = ast.get_source_segment(code, node) or ""  # several statements on a line
        else:
            text = "\n".join(lines[above if whole else start - 1 : end])
        above = end
        if whole:
            found.append(Part(node, text.strip("\n")))
        elif not is_idle(node):
            found.append(Part(node, without_prints(text)))
    return found


def last(among: list[Part]) -> list[Part]:
    """Return the parts without functions and classes that are defined again further down."""
    final = {part.node.name: part for part in among if isinstance(part.node, CALLABLE)}
    return [part for part in among if not isinstance(part.node, CALLABLE) or final[part.node.name] is part]


def is_idle(node: ast.stmt) -> bool:
    """Return whether this is a docstring, a print or the `__main__` block, which no other part needs."""
    if isinstance(node, ast.If):
        return any(isinstance(name, ast.Name) and name.id == "__name__" for name in ast.walk(node.test))
    return isinstance(node, ast.Expr) and (isinstance(node.value, ast.Constant) or is_print(node))


def is_print(node: ast.AST) -> bool:
    """Return whether this is a call of print whose arguments have no effect."""
    if not (isinstance(node, ast.Expr) and called(node.value) == "print"):
        return False
    calls = [item for item in ast.walk(node.value) if isinstance(item, ast.Call) and item is not node.value]
    return all(called(item) in PURE or getattr(item.func, "attr", "") in ("format", "join") for item in calls)


def called(node: ast.AST) -> str:
    """Return the plain name of the function that is called, or an empty string."""
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""


def without_prints(text: str) -> str:
    """Return the text without statements that only print; a block of nothing else becomes `pass`."""
    lines = text.split("\n")
    edits: list[tuple[int, int, bool]] = []
    for node in ast.walk(ast.parse(text)):
        for body in (getattr(node, name, None) for name in ("body", "orelse", "finalbody")):
            if not isinstance(body, list) or isinstance(node, ast.Module):
                continue
            prints = [item for item in body if is_print(item) and alone(item, lines)]
            for item in prints:
                nothing_left = item is body[0] and len(prints) == len(body)
                edits.append((item.lineno, item.end_lineno or item.lineno, nothing_left))
    for start, end, needs_pass in sorted(edits, reverse=True):
        indent = lines[start - 1][: len(lines[start - 1]) - len(lines[start - 1].lstrip())]
        lines[start - 1 : end] = [f"{indent}pass"] if needs_pass else []
    return "\n".join(lines)


def alone(node: ast.stmt, lines: list[str]) -> bool:
    """Return whether there is no other statement on the lines of this one."""
    before = lines[node.lineno - 1].encode()[: node.col_offset].decode()
    after = lines[(node.end_lineno or 0) - 1].encode()[node.end_col_offset :].decode().strip()
    return not before.strip() and (not after or after.startswith("#"))


def bound(node: ast.stmt) -> set[str]:
    """Return the names that a statement binds, or whose value it changes in place, at its own level."""
    if isinstance(node, CALLABLE):
        return {node.name}
    if isinstance(node, IMPORT):
        return {(item.asname or item.name).split(".")[0] for item in node.names}
    names = set()
    for item in own_level(node):
        if isinstance(item, CALLABLE):
            names.add(item.name)
        elif isinstance(item, IMPORT):
            names |= bound(item)
        elif isinstance(item, (ast.Name, ast.Subscript, ast.Attribute)) and isinstance(item.ctx, ast.Store):
            names.add(base(item))
        elif isinstance(item, ast.Expr) and isinstance(item.value, ast.Call):  # table.append(1)
            names.add(base(item.value.func) if isinstance(item.value.func, ast.Attribute) else "")
    return names - {""}


def own_level(node: ast.AST) -> Iterator[ast.AST]:
    """Yield all nodes of a statement, without the bodies of the functions and classes in it."""
    yield node
    if not isinstance(node, (*FUNCTION, ast.ClassDef, ast.Lambda)):
        for child in ast.iter_child_nodes(node):
            yield from own_level(child)


def base(node: ast.AST) -> str:
    """Return the name with which `name[0].attribute` starts."""
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def dotted(node: ast.AST) -> tuple[str, str] | None:
    """Return the last two names of an attribute such as `datetime.datetime.now`, if there are two."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return node.value.id, node.attr
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute):
        return node.value.attr, node.attr
    return None


def needed(text: str) -> set[str]:
    """Return the names that a statement, or a function in it, looks up in the module or the builtins."""
    names = set()
    tables = [symtable.symtable(text, "<code>", "exec")]
    while tables:
        table = tables.pop()
        tables += table.get_children()
        for symbol in table.get_symbols():
            if symbol.is_referenced() and (table.get_type() == "module" or symbol.is_global()):
                names.add(symbol.get_name())
    return names
