"""The host's calls into the modules of `inside`, which parse files and replies in the sandbox.

In: raw files and replies. Out: what `read_file`, `own_function` and `inspect_code` return for each, or a
fault if even parsing fails (nesting can crash the parser). Not covered: running the code (`trials`).
Tested in tests/builders/functions/inside/test_inspection.py.
"""

from typing import Any

from builders.execution import Sandbox
from builders.execution.program import call_many, program
from builders.functions.inside import entrypoints, inspection, own_function, syntax

MODULES = (syntax, inspection, own_function, entrypoints)
CODE = program(*MODULES)


def read_files(sandbox: Sandbox, sources: list[str]) -> list[dict[str, Any]]:
    """Return the `definitions` and `rest` of each file, both as text, and its own `function` or None."""
    questions = [{"source": source} for source in sources]
    halves = call_many(sandbox, CODE, "read_file", questions)
    functions = call_many(sandbox, CODE, "own_function", questions)
    return [
        {**(half or {"definitions": "", "rest": source}), "function": function}
        for source, half, function in zip(sources, halves, functions, strict=True)
    ]


def inspect_replies(sandbox: Sandbox, replies: list[tuple[str, str]]) -> list[dict[str, Any]]:
    """Return the `function` and the `generator` in each reply. A reply is (its code, source of its file)."""
    questions = [{"code": code, "source": source} for code, source in replies]
    inspected = call_many(sandbox, CODE, "inspect_code", questions)
    fault = {"reason": "syntax_error", "detail": "your code cannot be read"}
    unreadable = {"function": fault, "generator": fault}
    return [unreadable if halves is None else halves for halves in inspected]
