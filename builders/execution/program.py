"""Modules of ours that run inside the sandbox, as the code of a job.

In: modules of an `inside` folder, which import the standard library and each other only. Out: one text, since
the sandbox cannot import ours. `digest` names what such a text does, so that what was made with it stays
valid while only its words change.
"""

import ast
import hashlib
from pathlib import Path
from types import ModuleType

_KNOWN = """\
import sys, types, warnings
warnings.simplefilter("ignore")
for name, text in {texts!r}.items():
    sys.modules[name] = types.ModuleType(name)
    exec(text, vars(sys.modules[name]))
"""


def program(*modules: ModuleType) -> str:
    """Return the code of the last module, to which the ones before it are made known."""
    *known, last = modules
    texts = {module.__name__: _source(module) for module in known}
    return f"{_KNOWN.format(texts=texts) if texts else ''}{_source(last)}"


def digest(code: str) -> str:
    """Return a hash of what code of ours does: of its syntax tree, without comments and docstrings."""
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [statement for statement in node.body if not _is_docstring(statement)]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def _source(module: ModuleType) -> str:
    return Path(str(module.__file__)).read_text(encoding="utf-8")


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
