"""Which split a function's rows are in: a function and its near-copies never stand on both sides.

In: `functions`. Out: a cluster for each, the hash of its code's syntax tree without comments, docstrings,
annotations and the names it gives. `test` is a fixed share of the hashes' range, so a function never moves
from one version of the data to the next.

Not covered: copies that order their statements otherwise.
"""

import sys
from collections.abc import Iterator

from datasets import Features

from builders.execution import Job, Sandbox
from builders.schema import STRING, content_id
from builders.stage import Drop, Row, Stage
from hub.verifier import canonical

# Runs in the sandbox, as all parsing of untrusted code does.
_SHAPE = """
import ast, hashlib

class Shape(ast.NodeTransformer):
    def __init__(self, own):
        self.names = {name: f"n{index}" for index, name in enumerate(own)}

    def visit_Name(self, node):
        return ast.Name(self.names.get(node.id, node.id), node.ctx)

    def visit_arg(self, node):
        return ast.arg(self.names.get(node.arg, node.arg), None)

    def visit_Attribute(self, node):
        self.generic_visit(node)
        node.attr = self.names.get(node.attr, node.attr)
        return node

    def visit_keyword(self, node):
        self.generic_visit(node)
        node.arg = self.names.get(node.arg, node.arg)
        return node

    def named(self, node):
        self.generic_visit(node)
        node.name = self.names.get(node.name, node.name)
        if isinstance(node.body[0], ast.Expr) and isinstance(node.body[0].value, ast.Constant):
            node.body = node.body[1:] or [ast.Pass()]
        if hasattr(node, "returns"):
            node.returns = None
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = named

def shape(code):
    tree, own = ast.parse(code), {}
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            own.setdefault(node.name)
        elif isinstance(node, ast.arg):
            own.setdefault(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            own.setdefault(node.id)
    return hashlib.sha256(told(Shape(own).visit(tree)).encode()).hexdigest()

def told(node):
    # Not ast.dump, whose text changes with Python's version: new fields are empty in old code.
    if isinstance(node, list):
        return "[" + ",".join(map(told, node)) + "]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = [f"{name}={told(value)}" for name, value in ast.iter_fields(node) if value not in (None, [])]
    return f"{type(node).__name__}({','.join(sorted(fields))})"
"""


class Clusters(Stage):
    """Functions to the cluster of each."""

    name = "clusters"
    version = 2
    features = Features({"function_id": STRING, "cluster": STRING})
    key = ("function_id",)

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def identity(self) -> Row:
        """The interpreter's version: what parses differs by it."""
        return {"python": list(sys.version_info[:2]), "shape": content_id("shape", _SHAPE)}

    def rows(self, rows: list[Row]) -> Iterator[Row | Drop]:
        """Hash each function's shape in the sandbox; one that cannot be parsed is a cluster of its own."""
        jobs = [
            Job(code=_SHAPE, entrypoint="shape", inputs=[canonical({"code": row["reference_code"]})])
            for row in rows
        ]
        for row, (run,) in zip(rows, self.sandbox.run_many(jobs), strict=True):
            cluster = run.output if run.status == "ok" and run.output else row["function_id"]
            yield {"function_id": row["function_id"], "cluster": content_id("cluster", cluster)}


def split_of(cluster: str, test_share: float) -> str:
    """`test` for a fixed share of the range of cluster ids, else `train`."""
    return "test" if int(cluster, 16) < test_share * 16 ** len(cluster) else "train"
