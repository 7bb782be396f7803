"""The project's own modules that run inside the sandbox, as the code of a job.

In: modules of an `inside` folder, which import only the standard library and each other. Out: one program
text, since the sandbox cannot import the project, and what its functions return. `digest` identifies what
such modules do, so that results made with them stay valid if only comments and docstrings change.
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

_CALLS_PER_JOB = 16
"""Calls share a process, because starting one costs more than a call. If it ends early, only the call that it
was working on fails: a new process makes the others."""

_DEFINE_MODULES = """\
import sys, types, warnings
warnings.simplefilter("ignore")
for name, text in {texts!r}.items():
    sys.modules[name] = types.ModuleType(name)
    exec(text, vars(sys.modules[name]))
"""


def program(*modules: ModuleType) -> str:
    """Return one program text: the last module, after code that lets it import the other modules."""
    *imported_modules, main_module = modules
    texts = {module.__name__: _source(module) for module in imported_modules}
    return f"{_DEFINE_MODULES.format(texts=texts) if texts else ''}{_source(main_module)}"


def call_many(sandbox: Sandbox, code: str, entrypoint: str, arguments: Iterable[dict[str, Any]]) -> list[Any]:
    """Call a function of a program with each set of named arguments; return the results in order.

    The result of a failed call is None. Calls can fail because untrusted text can crash its parser.
    """
    inputs = [canonical(named_arguments) for named_arguments in arguments]
    starts = range(0, len(inputs), _CALLS_PER_JOB)
    jobs = (Job(code, entrypoint, inputs[start : start + _CALLS_PER_JOB]) for start in starts)
    return [
        json.loads(run.output) if run.status == "ok" and run.output else None
        for runs in sandbox.run_many(jobs)
        for run in runs
    ]


@cache
def digest(*modules: ModuleType) -> str:
    """Return a hash of what modules do: of their syntax trees, without comments and docstrings."""
    trees = [_tree_text(_source(module)) for module in modules]
    return hashlib.sha256(repr(trees).encode()).hexdigest()


def _tree_text(text: str) -> str:
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [statement for statement in node.body if not _is_docstring(statement)]
    return ast.dump(tree)


def _source(module: ModuleType) -> str:
    return Path(str(module.__file__)).read_text(encoding="utf-8")


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
