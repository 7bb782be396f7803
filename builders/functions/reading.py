"""Has code read in the sandbox: the one caller of `inspection`.

In: raw files and replies. Out: what `read_file` and `inspect_code` tell about each; where even reading fails
(nesting that crashes the parser), a fault. Not covered: running the code (`trials`).
Tested in tests/builders/functions/inside/test_inspection.py.
"""

from typing import Any

from builders.execution import Sandbox
from builders.execution.program import called, program
from builders.functions.inside import entrypoints, inspection, own_function, syntax

MODULES = (syntax, inspection, own_function, entrypoints)
CODE = program(*MODULES)


def files_read(sandbox: Sandbox, sources: list[str]) -> list[dict[str, Any]]:
    """`definitions` and `rest` of each file, both as text, and its own `function` or None."""
    questions = [{"source": source} for source in sources]
    found = called(sandbox, CODE, "read_file", questions)
    own = called(sandbox, CODE, "own_function", questions)
    return [
        {**(read or {"definitions": "", "rest": source}), "function": function}
        for source, read, function in zip(sources, found, own, strict=True)
    ]


def replies_inspected(sandbox: Sandbox, replies: list[tuple[str, str]]) -> list[dict[str, Any]]:
    """The `function` and the `generator` in each reply (its code, the source of its file)."""
    questions = [{"code": code, "source": source} for code, source in replies]
    found = called(sandbox, CODE, "inspect_code", questions)
    unreadable = {"reason": "syntax_error", "detail": "your code cannot be read"}
    nothing = {"function": unreadable, "generator": unreadable}
    return [nothing if read is None else read for read in found]
