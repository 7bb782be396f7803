"""The shape of code: its syntax tree without the words that a copy may change. It runs in the sandbox.

Tested in tests/builders/selection/test_splits.py.
"""

import ast
import hashlib
from typing import Any


class Shape(ast.NodeTransformer):
    """A transformer that numbers the names that the code defines, and removes docstrings and annotations."""

    def __init__(self, own: dict[str, None]) -> None:
        self.names = {name: f"n{index}" for index, name in enumerate(own)}

    def visit_Name(self, node: ast.Name) -> ast.Name:
        """Replace a variable's name by its number."""
        return ast.Name(self.names.get(node.id, node.id), node.ctx)

    def visit_arg(self, node: ast.arg) -> ast.arg:
        """Replace a parameter's name by its number, and remove its annotation."""
        return ast.arg(self.names.get(node.arg, node.arg), None)

    def visit_Attribute(self, node: ast.Attribute) -> ast.Attribute:
        """Replace an attribute's name by its number, if the code defines that name."""
        self.generic_visit(node)
        node.attr = self.names.get(node.attr, node.attr)
        return node

    def visit_keyword(self, node: ast.keyword) -> ast.keyword:
        """Replace a keyword argument's name by its number."""
        self.generic_visit(node)
        if node.arg is not None:
            node.arg = self.names.get(node.arg, node.arg)
        return node

    def named(self, node: Any) -> Any:
        """Replace a function's or class's name by its number; remove its docstring and return annotation."""
        self.generic_visit(node)
        node.name = self.names.get(node.name, node.name)
        if isinstance(node.body[0], ast.Expr) and isinstance(node.body[0].value, ast.Constant):
            node.body = node.body[1:] or [ast.Pass()]
        if hasattr(node, "returns"):
            node.returns = None
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = named  # noqa: N815


def shape(code: str) -> str:
    """Return a hash of the shape of the code. Raises SyntaxError if it does not parse."""
    tree = ast.parse(code)
    own: dict[str, None] = {}
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            own.setdefault(node.name)
        elif isinstance(node, ast.arg):
            own.setdefault(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            own.setdefault(node.id)
    return hashlib.sha256(written(Shape(own).visit(tree)).encode()).hexdigest()


def written(node: Any) -> str:
    """Return a tree as text that is the same in every Python version, unlike the text of ast.dump."""
    if isinstance(node, list):
        return "[" + ",".join(map(written, node)) + "]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = [f"{name}={written(value)}" for name, value in ast.iter_fields(node) if value not in (None, [])]
    return f"{type(node).__name__}({','.join(sorted(fields))})"
