"""All stages with a real sglang server; no test needs a correct answer from its 135M model."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from builders.raw_code import corpus
from builders.running.run import Run
from builders.tables.folder import Folder
from builders.verifier import STATUSES
from tests.doubles.sglang_cpu import environment_python
from tests.doubles.sglang_cpu.router import running_router

# Answers are a few booleans: constrained to such a schema, even a weak model soon ends its reply.
CODE = '''def is_open(weekend, holiday):
    """Whether the library is open at all: on holidays it never is, at weekends only {place} the main hall."""
    if holiday:
        return False
    return {weekend} if weekend else True


def {entrypoint}(weekend, holiday, member, guest_of_member):
    """Whether a person may take a book home today.

    Members may whenever the library is open. Guests of members may on workdays only, since somebody has to
    look at their passport, and the desk for that is not staffed at weekends. Nobody else may take any home,
    but they may read in the hall.
    """
    if not is_open(weekend, holiday):
        return False
    if member:
        return True
    return guest_of_member and not weekend
'''
NAMES = ("weekend", "holiday", "member", "guest_of_member")
INPUT_SCHEMA = {
    "type": "object",
    "properties": {name: {"type": "boolean"} for name in NAMES},
    "required": NAMES,
    "additionalProperties": False,
}
GENERATOR = """def input_generator(rng):
    return {name: rng.random() < 0.5 for name in ("weekend", "holiday", "member", "guest_of_member")}
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("source") / "functions.jsonl"
    rows = [
        {
            "reference_code": CODE.format(entrypoint="may_borrow", place=place, weekend=weekend),
            "entrypoint": "may_borrow",
            "input_generator": GENERATOR,
            "query": "A library has rules for weekends, holidays, members and their guests. May this person "
            "take a book home today?",
            "input_schema": json.dumps(INPUT_SCHEMA),
            "output_schema": '{"type": "boolean"}',
            "io_description": "weekend, holiday, member, guest_of_member: true or false. Returns a boolean.",
        }
        for place, weekend in (("in", True), ("without", False))
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def command(source, out, server, *more):
    options = ["--base-url", server.url, "--out", str(out), "--max-tokens", "24", *map(str, more)]
    return [sys.executable, "-m", "builders", "build", str(source), *options]


def build(source, out, server, *more):
    process = subprocess.run(command(source, out, server, *more), capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    return process.stdout


def n_asked(server):
    return server.log.read_text(errors="replace").count("POST /v1/chat/completions")


FROM_FUNCTIONS = ("--from", "functions", "--max-pairs", 1, "--samples", 3, "--turns", 1, "--concurrency", 4)


@pytest.fixture(scope="module")
def made(source, tmp_path_factory, sglang_server):
    out = tmp_path_factory.mktemp("made") / "out"
    build(source, out, sglang_server, *FROM_FUNCTIONS)
    return out


def test_turns_are_whole_whatever_the_model_says(made, sglang_server):
    folder = Folder(made)
    tasks = folder.read("tasks")
    assert len(folder.read("functions")) == 2
    assert len(tasks) == 4
    first, second = {}, {}
    for turn in folder.read("turns"):
        (first if turn["turn"] == 0 else second)[turn["task_id"], turn["sample"]] = turn
        assert turn["status"] in STATUSES
        assert turn["finish_reason"] in ("stop", "length")
        assert turn["model"].partition("@sha256:")[2]  # the weights' digest, not the name that is served
        assert turn["n_prompt_tokens"] > 100
        assert 0 < turn["n_completion_tokens"] <= 24 + 400
        assert (turn["feedback"] is None) == (turn["status"] == "correct")
        assert (turn["prediction"] is None) == (turn["status"] == "no_answer")
    assert set(first) == {(task, sample) for task in tasks["task_id"] for sample in (0, 1, 2)}
    assert set(second) == {key for key, turn in first.items() if turn["status"] != "correct"}


def test_views_come_from_the_turns(made):
    folder = Folder(made)
    whole = [turn for turn in folder.read("turns") if turn["turn"] == 0 and turn["finish_reason"] == "stop"]
    assert len(folder.read("codeio")) == len(folder.read("codeio_pp")) == len(whole)
    assert len(folder.read("rlvr")) == 4
    dropped = [row for row in folder.read("dropped") if row["stage"] == "codeio"]
    assert len(dropped) == 12 - len(whole)


def test_tasks_of_one_function_share_the_prefix_cache(made):
    (line,) = [line for line in Run(made).telemetry() if line["stage"] == "responses"]
    assert line["answered"] >= 12
    assert line["asked"] < line["answered"]  # three samples of a task are one request
    assert line["cached_tokens"] > 0.5 * line["prompt_tokens"]


def test_a_second_run_asks_the_server_nothing(made, source, sglang_server):
    asked = n_asked(sglang_server)
    before = {path: path.read_bytes() for path in made.rglob("*.parquet")}
    build(source, made, sglang_server, *FROM_FUNCTIONS)
    assert n_asked(sglang_server) == asked
    assert {path: path.read_bytes() for path in made.rglob("*.parquet")} == before


def test_a_router_stands_for_its_servers(made, source, tmp_path, sglang_server):
    out, asked = tmp_path / "out", n_asked(sglang_server)
    with running_router(environment_python(), tmp_path / "router.log", sglang_server.url) as url:
        options = (*FROM_FUNCTIONS, "--seed", 13, "--turns", 0)
        build(source, out, SimpleNamespace(url=url), *options)
    assert n_asked(sglang_server) > asked
    rows = Folder(out).read("turns")
    assert len(rows) == 12
    assert set(rows["model"]) == set(Folder(made).read("turns")["model"])  # the weights, no router
    (line,) = [line for line in Run(out).telemetry() if line["stage"] == "responses"]
    assert line["asked"] < line["answered"]
    assert line["cached_tokens"] > 0.5 * line["prompt_tokens"]


def n_kept(out):
    """Return the number of answers in the request cache."""
    database = out / ".codeio" / "requests.sqlite"
    if not database.exists():
        return 0
    with sqlite3.connect(database) as connection:
        (n_tables,) = connection.execute(
            "select count(*) from sqlite_master where name = 'answers'"
        ).fetchone()
        return connection.execute("select count(*) from answers").fetchone()[0] if n_tables else 0


def start_build(arguments, out):
    """Start a build, and return its process when some of its answers, but not all, are cached."""
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 300
    while n_kept(out) < 4 and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.1)
    assert process.poll() is None
    return process


def test_killed_in_the_middle_of_responses_it_asks_no_answered_request_again(source, tmp_path, sglang_server):
    out = tmp_path / "out"
    options = (*FROM_FUNCTIONS, "--seed", 7, "--turns", 0)
    process = start_build(command(source, out, sglang_server, *options), out)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    kept = n_kept(out)
    assert not (out / "turns").exists()
    build(source, out, sglang_server, *options)
    lines = [line for line in Run(out).telemetry() if "asked" in line]
    assert sum(line["answered"] for line in lines) == n_kept(out) - kept
    assert len(Folder(out).read("turns")) == 12


def test_the_server_killed_in_mid_run_is_waited_for_and_no_row_is_lost(source, tmp_path, sglang_server):
    out = tmp_path / "out"
    options = (*FROM_FUNCTIONS, "--seed", 11, "--turns", 0)
    process = start_build(command(source, out, sglang_server, *options), out)
    sglang_server.kill()
    time.sleep(3)
    assert process.poll() is None
    sglang_server.restart()
    _, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors
    assert "is left out" in errors
    assert "is back" in errors
    rows = Folder(out).read("turns").to_list()
    tasks = Folder(out).read("tasks")["task_id"]
    assert [(row["task_id"], row["sample"]) for row in rows] == [(t, s) for t in tasks for s in range(3)]
    (line,) = [line for line in Run(out).telemetry() if line["stage"] == "responses"]
    assert line["answered"] == n_kept(out)  # none was paid for twice
    assert set(line["failures"]) <= {"unreachable", "broken connection", "no whole answer"}


def test_raw_code_ends_as_functions_or_with_a_reason(tmp_path, sglang_server):
    files = tmp_path / "files"
    files.mkdir()
    shutil.copy(corpus() / "scientific" / "decay.py", files)
    out = tmp_path / "out"
    process = subprocess.run(
        command(files, out, sglang_server, "--until", "functions"), capture_output=True, text=True
    )
    folder = Folder(out)
    assert len(folder.read("raw_code")) == 1, process.stderr
    n_functions, dropped = len(folder.read("functions")), folder.read("dropped").to_list()
    assert n_functions + len(dropped) == 1
    assert all(row["stage"] == "functions" and row["drop_reason"] for row in dropped)
    assert process.returncode == (0 if n_functions else 1)
    assert sum(line["asked"] for line in Run(out).telemetry() if "asked" in line) >= 1
