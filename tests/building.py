"""Builds that start from functions, in this process, with a scripted server whose answers are known."""

import io
import json
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq
import pytest

from builders.cli.main import main
from builders.execution import Limits, Sandbox
from builders.tables.folder import Folder
from tests.doubles.chat_server import ChatServer

GENERATOR = "import random\ndef input_generator():\n    return {'n': random.randint(0, 999)}\n"
FUNCTIONS = [
    {
        "reference_code": f"def f(n):\n    return n + {step}\n",
        "entrypoint": "f",
        "input_generator": GENERATOR,
        "query": f"What is {step} more than n?",
        "io_description": "n: an integer. Returns an integer.",
        "license": "mit",
    }
    for step in (1, 7)
]
FEEDBACK_WORDS = (
    "is not what the code returns",
    "the code returns",
    "No answer was found",
    "was cut off",
    "fails with",
)


def scripted_reply(body):
    """Return the reply to a request and its finish reason, which depend on the sample (the seed).

    Sample 0 is correct; 1 is wrong, then correct; 2 gives no answer until it is asked for the bare JSON; 3 is
    cut off, then always wrong.
    """
    messages, seed = body["messages"], body["seed"]
    task, last = messages[1]["content"], messages[-1]["content"]
    step = int(re.search(r"n \+ (\d+)", task)[1])
    known = json.loads(task.rstrip().rsplit("\n", 1)[1])
    if "Output:" in task:
        right, wrong = {"input": {"n": known - step}}, {"input": {"n": known}}
    else:
        right, wrong = {"output": known["n"] + step}, {"output": None}
    if "response_format" in body:
        assert list(body["response_format"]["json_schema"]["schema"]["properties"]) == list(right)
        return json.dumps(right) if seed == 2 else "I do not know.", "stop"
    revised = any(words in last for words in FEEDBACK_WORDS)
    if seed == 0 or (seed == 1 and revised):
        return f"I add. {json.dumps(right)}", "stop"
    if seed == 2:
        return "I know it, but do not say it.", "stop"
    if seed == 3 and not revised:
        return "And so on and", "length"
    return f"I guess. {json.dumps(wrong)}", "stop"


@contextmanager
def scripted_server() -> Iterator[ChatServer]:
    """Yield a running server that gives the scripted replies."""
    with ChatServer() as server:
        server.reply = scripted_reply
        yield server


def write_functions_file(folder, functions=FUNCTIONS):
    """Write functions as JSON lines, and return the file."""
    path = folder / "functions.jsonl"
    path.write_text("\n".join(map(json.dumps, functions)))
    return path


@cache
def workers_of_all_builds(n_workers: int) -> Sandbox:
    """Return the sandbox whose workers run the code of all builds in this process."""
    return Sandbox(workers=n_workers)


def sandbox_of_a_build(limits: Limits, workers: int) -> Sandbox:
    """Return a sandbox with workers that the end of a build does not end: starting them takes half of it."""
    sandbox = workers_of_all_builds(workers).with_limits(limits)
    sandbox.close = lambda: None
    return sandbox


def run_codeio(monkeypatch, *arguments):
    """Run the command in this process, and return its exit code."""
    monkeypatch.setattr("builders.build.Sandbox", sandbox_of_a_build)
    monkeypatch.setattr(sys, "argv", ["codeio", *map(str, arguments)])
    try:
        main()
    except SystemExit as end:
        return end.code or 0
    return 0


def build(monkeypatch, source, out, server, *more):
    """Build from functions with two pairs each and no test split, and return the exit code."""
    options = ("--from", "functions", "--base-url", server.address, "--max-pairs", 2, "--test-share", 0)
    return run_codeio(monkeypatch, "build", source, "--out", out, *options, *more)


class FinishedBuild(NamedTuple):
    """A finished build, which several tests read, and none changes."""

    source: Path
    """The file that it was made from; a copy of the folder continues with this source."""
    out: Path
    bodies: list[dict[str, Any]]
    """The requests that were sent for it."""
    printed: str
    """What the command wrote to its standard output."""

    def copy(self, folder: Path) -> Path:
        """Copy its folder, and return the copy."""
        return Path(shutil.copytree(self.out, folder))


Finished = Callable[..., FinishedBuild]
"""What the fixture `finished` returns: a function of the options of a build."""


def finish_build(source, out, *options):
    """Build with `build`, silently, and return the finished build."""
    printed, errors = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        scripted_server() as server,
        redirect_stdout(printed),
        redirect_stderr(errors),
    ):
        assert build(patch, source, out, server, *options) == 0, errors.getvalue()
    return FinishedBuild(source, out, server.bodies, printed.getvalue())


def read_rows(out, config, split="train"):
    """Return the rows of a table."""
    files = [file for file in Folder(out).files(config) if file.name.startswith(split)]
    return [row for file in files for row in pq.read_table(file).to_pylist()]


def parquet_bytes(out):
    """Return the bytes of each Parquet file by its path in the folder."""
    return {path.relative_to(out): path.read_bytes() for path in out.rglob("*.parquet")}
