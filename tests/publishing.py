"""Builds to publish, and codeio's commands in the process of a Hub client."""

from pathlib import Path
from typing import Any

import pytest

from tests.auditing import OPTIONS, write_source
from tests.building import FUNCTIONS, run_codeio, scripted_server

CODE = {
    1: "def f(n):\n    return n + 1\n",
    7: "def f(n):\n    more = n + 7\n    return more\n",
    9: "def f(n):\n    return n + 9\n",
}
"""Code by the number that it adds; the second differs in shape, so its function is in the other split."""
VERSIONS = {2: (1, 7), 3: (1, 9, 7)}
"""The functions of each version, by their number; the new one comes between the two old ones."""


def built(home: Path, n_functions: int, options: tuple[Any, ...] = OPTIONS) -> Path:
    """Build from two or three functions, and return the output folder."""
    out = home / f"built-{n_functions}"
    functions = [
        {**FUNCTIONS[0], "reference_code": CODE[step], "query": f"What is {step} more?"}
        for step in VERSIONS[n_functions]
    ]
    with pytest.MonkeyPatch.context() as patch, scripted_server() as server:
        options = ("--from", "functions", "--base-url", server.address, *options)
        folder = write_source(home / f"source-{n_functions}", functions)
        assert run_codeio(patch, "build", folder, "--out", out, *options) == 0
    return out


def call_codeio(*words: str) -> list[Any]:
    """Run `codeio` in the client's process, and return its exit code and what it printed."""
    import contextlib
    import io
    import sys

    from builders.cli.main import main

    sys.argv = ["codeio", *words]
    printed, errors = io.StringIO(), io.StringIO()
    code = 0
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(errors):
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
    return [code, printed.getvalue(), errors.getvalue()]
