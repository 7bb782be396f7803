"""Modules of ours that run inside the sandbox, as the code of a job.

In: modules of an `inside` folder, which import the standard library and each other only. Out: one text, since
the sandbox cannot import ours, and what its functions return. `digest` names what such modules do, so that
what was made with them stays valid while only their words change.
"""

import ast
import hashlib
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from builders.execution.job import Job
from builders.execution.sandbox import Sandbox
from builders.verifier import canonical

_CALLS_A_JOB = 16
"""A process costs more than a call; one that ends early is replaced, and spoils no other call."""

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


def called(sandbox: Sandbox, code: str, entrypoint: str, arguments: Iterable[dict[str, Any]]) -> list[Any]:
    """Call a function of such a text on each set of named arguments, and return what comes back, in order.

    None stands for a call that failed: reading what strangers wrote may end the process that does it.
    """
    inputs = [canonical(named) for named in arguments]
    starts = range(0, len(inputs), _CALLS_A_JOB)
    jobs = (Job(code, entrypoint, inputs[start : start + _CALLS_A_JOB]) for start in starts)
    return [
        json.loads(run.output) if run.status == "ok" and run.output else None
        for runs in sandbox.run_many(jobs)
        for run in runs
    ]


@cache
def digest(*modules: ModuleType) -> str:
    """Return a hash of what modules of ours do: of their syntax trees, without comments and docstrings."""
    trees = [_tree(_source(module)) for module in modules]
    return hashlib.sha256(repr(trees).encode()).hexdigest()


def _tree(text: str) -> str:
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [statement for statement in node.body if not _is_docstring(statement)]
    return ast.dump(tree)


def _source(module: ModuleType) -> str:
    return Path(str(module.__file__)).read_text(encoding="utf-8")


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
