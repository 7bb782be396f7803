"""Modules of ours that run inside the sandbox, as the code of a job.

In: modules of an `inside` folder, which import the standard library and each other only. Out: one text, since
the sandbox cannot import ours. `digest` names what such modules do, so that what was made with them stays
valid while only their words change.
"""

import ast
import hashlib
from functools import cache
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
    texts = {module.__name__: _text(module) for module in known}
    return f"{_KNOWN.format(texts=texts) if texts else ''}{_text(last)}"


@cache
def digest(*modules: ModuleType) -> str:
    """Return a hash of what modules of ours do: of their syntax trees, without comments and docstrings."""
    trees = [_tree(_text(module)) for module in modules]
    return hashlib.sha256(repr(trees).encode()).hexdigest()


def _tree(text: str) -> str:
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [statement for statement in node.body if not _is_docstring(statement)]
    return ast.dump(tree)


def _text(module: ModuleType) -> str:
    return Path(str(module.__file__)).read_text(encoding="utf-8")


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
