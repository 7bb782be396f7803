"""Has code read in the sandbox: the one caller of `inspection`.

In: raw files and replies. Out: what `read_file` and `inspect_code` tell about each; where even reading fails
(nesting that crashes the parser), a fault. Not covered: running the code (`trials`).
"""

import json
from typing import Any

from builders.execution import Job, Sandbox
from builders.execution.program import program
from builders.functions.inside import entrypoints, inspection, own_function, syntax
from builders.verifier import canonical

MODULES = (syntax, inspection, own_function, entrypoints)
CODE = program(*MODULES)


def files_read(sandbox: Sandbox, sources: list[str]) -> list[dict[str, Any]]:
    """`definitions` and `rest` of each file, both as text, and its own `function` or None."""
    questions = [{"source": source} for source in sources]
    found = _called(sandbox, "read_file", questions)
    own = _called(sandbox, "own_function", questions)
    return [
        {**(read or {"definitions": "", "rest": source}), "function": function}
        for source, read, function in zip(sources, found, own, strict=True)
    ]


def replies_inspected(sandbox: Sandbox, replies: list[tuple[str, str]]) -> list[dict[str, Any]]:
    """The `function` and the `generator` in each reply (its code, the source of its file)."""
    found = _called(sandbox, "inspect_code", [{"code": code, "source": source} for code, source in replies])
    unreadable = {"reason": "syntax_error", "detail": "your code cannot be read"}
    nothing = {"function": unreadable, "generator": unreadable}
    return [nothing if read is None else read for read in found]


def _called(sandbox: Sandbox, entrypoint: str, questions: list[dict[str, str]]) -> list[Any]:
    jobs = [Job(code=CODE, entrypoint=entrypoint, inputs=[canonical(question)]) for question in questions]
    return [
        json.loads(run.output) if run.status == "ok" and run.output else None
        for (run,) in sandbox.run_many(jobs)
    ]
