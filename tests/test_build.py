"""The pipeline from functions on: real sandbox and files, a scripted server where a verdict must be known."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time

import pytest
from datasets import load_dataset

from builders import cli
from hub.verifier import canonical
from tests.inference.chat_server import ChatServer

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


def scripted(body):
    """Sample 0 is right; 1 is wrong, then right; 2 forgets its answer; 3 is cut off, then wrong for good."""
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
        return json.dumps(right), "stop"
    revised = any(words in last for words in FEEDBACK_WORDS)
    if seed == 0 or (seed == 1 and revised):
        return f"I add. {json.dumps(right)}", "stop"
    if seed == 2:
        return "I know it, but do not say it.", "stop"
    if seed == 3 and not revised:
        return "And so on and", "length"
    return f"I guess. {json.dumps(wrong)}", "stop"


@pytest.fixture
def server():
    with ChatServer() as server:
        server.reply = scripted
        yield server


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "functions.jsonl"
    path.write_text("\n".join(map(json.dumps, FUNCTIONS)))
    return path


def run(monkeypatch, *arguments):
    """Run the command in this process; returns its exit code."""
    monkeypatch.setattr(sys, "argv", ["codeio", *map(str, arguments)])
    try:
        cli.main()
    except SystemExit as end:
        return end.code or 0
    return 0


def build(monkeypatch, source, out, server, *more):
    options = ("--from", "functions", "--base-url", server.address, "--max-pairs", 2, "--test-share", 0)
    return run(monkeypatch, "build", source, "--out", out, *options, *more)


def rows(out, config, split="train"):
    return load_dataset(str(out), config, split=split).to_list()


def contents(out):
    return {path.relative_to(out): path.read_bytes() for path in out.rglob("*.parquet")}


def test_statuses_feedback_and_views(monkeypatch, source, tmp_path, server):
    out = tmp_path / "out"
    assert build(monkeypatch, source, out, server, "--samples", 4, "--turns", 2) == 0
    assert [len(rows(out, table)) for table in ("functions", "io_pairs", "tasks")] == [2, 4, 8]
    turns = rows(out, "turns")
    statuses = {}
    for turn in turns:
        statuses.setdefault((turn["task_id"], turn["sample"]), []).append(turn["status"])
    assert len(statuses) == 32
    for (_, sample), found in statuses.items():
        expected = {
            0: ["correct"],
            1: ["wrong", "correct"],
            2: ["correct"],
            3: ["no_answer", "wrong", "wrong"],
        }
        assert found == expected[sample]
    direction = {task["task_id"]: task["direction"] for task in rows(out, "tasks")}
    for turn in turns:
        if turn["status"] == "correct":
            assert turn["feedback"] is None
        elif turn["finish_reason"] == "length":
            assert "cut off" in turn["feedback"]
        elif direction[turn["task_id"]] == "input":
            assert re.search(
                r"With the predicted input .* the code returns \d+ and not \d+", turn["feedback"]
            )
        else:
            assert "The predicted output null is not what the code returns" in turn["feedback"]
        if turn["sample"] == 2:
            assert turn["response"].startswith("I know it, but do not say it.\n\n{")
    assert {row["status"] for row in rows(out, "codeio")} == {"correct", "wrong"}
    assert [row["pass_rate"] for row in rows(out, "rlvr")] == [0.5] * 8
    assert len(rows(out, "preference")) == 8
    plus = rows(out, "codeio_pp")
    assert len(plus) == 24
    assert {row["license"] for row in plus} == {"mit"}
    assert all(row["drop_reason"] == "truncated" for row in rows(out, "dropped"))


def test_every_config_keeps_its_promises(monkeypatch, source, tmp_path, server):
    out = tmp_path / "out"
    build(monkeypatch, source, out, server)
    for config in ("functions", "io_pairs", "tasks", "turns", "codeio", "codeio_pp", "rlvr"):
        for row in rows(out, config):
            for column in ("input", "output", "prediction", "sampling", "input_schema"):
                if row.get(column):
                    assert canonical(json.loads(row[column])) == row[column]
    for task in rows(out, "tasks"):
        assert "randint" not in task["prompt"]
        assert task["prompt"].index("## Reference code") < task["prompt"].index("## Your task")
    assert not re.search(rb"/tmp/|127\.0\.0\.1", b"".join(contents(out).values()))


def test_a_second_run_asks_and_changes_nothing(monkeypatch, source, tmp_path, server):
    out = tmp_path / "out"
    build(monkeypatch, source, out, server)
    before, asked = contents(out), sum(server.asked.values())
    assert build(monkeypatch, source, out, server) == 0
    assert (contents(out), sum(server.asked.values())) == (before, asked)


def test_workers_do_not_change_a_byte(monkeypatch, source, tmp_path, server):
    build(monkeypatch, source, tmp_path / "one", server, "--num-proc", 1, "--concurrency", 1)
    build(monkeypatch, source, tmp_path / "two", server, "--num-proc", 3, "--concurrency", 9)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_more_samples_and_turns_extend_a_run(monkeypatch, source, tmp_path, server):
    out = tmp_path / "out"
    build(monkeypatch, source, out, server, "--samples", 2)
    asked = server.asked.copy()
    assert build(monkeypatch, source, out, server, "--samples", 4, "--turns", 2) == 0
    again = {row["sample"] for row in rows(out, "codeio_pp")}
    assert again == {0, 1, 2}
    n_new = sum(server.asked.values()) - sum(asked.values())
    assert n_new == 8 * (2 + 3)  # sample 2 with its closing question, sample 3 with two revisions
    assert build(monkeypatch, source, out, server, "--samples", 2) == 1  # it cannot shrink


def test_a_failing_request_leaves_its_rows_open(monkeypatch, source, tmp_path, server, capsys):
    out = tmp_path / "out"
    prompts_asked = []
    server.reply = lambda body: prompts_asked.append(body["messages"][1]["content"]) or scripted(body)
    build(monkeypatch, source, tmp_path / "other", server)
    stuck = prompts_asked[-1]
    server.faults[stuck] = ["500"] * 100
    monkeypatch.setattr("builders.inference.client.Client.__init__.__defaults__", (8, 600, 3), raising=False)
    assert build(monkeypatch, source, out, server) == 3
    assert "same command again" in capsys.readouterr().err
    assert not (out / "turns").exists()
    server.faults[stuck] = []
    asked = sum(server.asked.values())
    assert build(monkeypatch, source, out, server) == 0
    assert contents(out) == contents(tmp_path / "other")
    assert sum(server.asked.values()) - asked <= 2


def test_a_question_that_is_too_long_is_dropped_with_its_reason(monkeypatch, source, tmp_path, server):
    out = tmp_path / "out"
    build(monkeypatch, source, tmp_path / "other", server)
    long = rows(tmp_path / "other", "tasks")[0]
    server.faults[long["prompt"]] = ["too_long"]
    assert build(monkeypatch, source, out, server) == 0
    (drop,) = rows(out, "dropped")
    assert (drop["stage"], drop["drop_reason"], drop["parent_id"]) == (
        "responses",
        "context_too_long",
        long["task_id"],
    )
    assert len(rows(out, "codeio")) == 7
    assert len(rows(out, "rlvr")) == 8


def test_killed_in_mid_run_it_goes_on(source, tmp_path, server):
    """SIGKILL while answers come in: no answered request is asked again, and the result is the same."""
    server.delay_s = 0.3
    out = tmp_path / "out"
    command = [
        sys.executable,
        "-m",
        "builders",
        "build",
        str(source),
        "--out",
        str(out),
        "--from",
        "functions",
    ]
    command += ["--base-url", server.address, "--max-pairs", "2", "--concurrency", "1", "--samples", "2"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    database = out / ".codeio" / "requests.sqlite"
    deadline = time.monotonic() + 120
    while sum(server.answered.values()) < 5 and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    with sqlite3.connect(database) as connection:
        (n_kept,) = connection.execute("select count(*) from answers").fetchone()
    assert n_kept >= 4
    time.sleep(0.5)  # the request in flight ends
    asked = sum(server.asked.values())
    server.delay_s = 0
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for stage in ("io_pairs", "tasks", "responses", "revisions"):
        assert re.search(rf"^{stage}: \d+ kept, \d+ dropped, \d+ s$", done.stderr, re.MULTILINE)
    with sqlite3.connect(database) as connection:
        (n_all,) = connection.execute("select count(*) from answers").fetchone()
    assert sum(server.asked.values()) - asked == n_all - n_kept


@pytest.mark.parametrize("table", ["functions", "io_pairs", "tasks", "turns"])
def test_any_table_of_a_run_starts_another(monkeypatch, source, tmp_path, server, table):
    build(monkeypatch, source, tmp_path / "first", server, "--samples", 2)
    options = (
        "--from",
        table,
        "--base-url",
        server.address,
        "--max-pairs",
        2,
        "--samples",
        2,
        "--test-share",
        0,
    )
    code = run(monkeypatch, "build", tmp_path / "first", "--out", tmp_path / "second", *options)
    assert code == 0
    for config in ("tasks", "codeio", "codeio_pp", "rlvr", "preference"):
        assert rows(tmp_path / "second", config) == rows(tmp_path / "first", config)


def test_a_function_is_in_one_split_with_its_near_copies(monkeypatch, tmp_path, server):
    copies = []
    for name in ("n", "value"):
        copies.append(
            FUNCTIONS[0]
            | {
                "reference_code": f'def f({name}):\n    """Adds."""\n    return {name} + 1  # {name}\n',
                "input_generator": GENERATOR.replace("'n'", f"'{name}'"),
            }
        )
    many = [
        FUNCTIONS[0] | {"reference_code": f"def f(n):\n    return n + {step}\n" + "# x\n"}
        for step in range(2, 30)
    ]
    source = tmp_path / "functions.jsonl"
    source.write_text("\n".join(map(json.dumps, [*copies, *many])))
    out = tmp_path / "out"
    options = ("--from", "functions", "--until", "tasks", "--max-pairs", 1, "--test-share", 0.3)
    assert run(monkeypatch, "build", source, "--out", out, *options) == 0
    train = {row["function_id"] for row in rows(out, "tasks")}
    test = {row["function_id"] for row in rows(out, "tasks", "test")}
    assert train
    assert test
    assert not train & test
    functions = rows(out, "functions")
    pair = {row["function_id"] for row in functions if "Adds." in row["reference_code"]}
    assert len(pair) == 2
    assert pair <= train or pair <= test


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["{empty}", "--out", "{out}", "--base-url", "{server}"], 1, "holds no files"),
        (["{source}", "--out", "{out}"], 2, "asks a model"),
        (["{source}", "--out", "{out}", "--base-url", "{server}", "--embedded", "x"], 2, "not both"),
        (["{source}", "--out", "{out}", "--base-url", "http://127.0.0.1:9"], 1, "No server answers"),
        (
            ["{source}", "--out", "{out}", "--base-url", "{server}", "--model", "other"],
            1,
            "serves tiny, not other",
        ),
        (["{source}", "--out", "{out}", "--until", "nowhere"], 2, "choose one of"),
        (["{source}", "--out", "{out}", "--from", "turns", "--until", "tasks"], 2, "lies before"),
        (["{source}", "--out", "{out}", "--from", "tasks", "--base-url", "{server}"], 1, "tables beside it"),
        (["{foreign}", "--out", "{foreign}", "--base-url", "{server}"], 1, "did not write"),
        (["{source}", "--out", "{out}", "--embedded", "no-such-model"], 1, "no-such-model"),
        (["{source}", "--out", "{out}", "--max-pairs", "0"], 2, "max-pairs"),
    ],
)
def test_a_bad_command_is_refused_in_one_sentence(
    monkeypatch, tmp_path, source, server, capsys, arguments, code, words
):
    (tmp_path / "empty").mkdir()
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "mine.txt").write_text("mine")
    places = {
        "empty": tmp_path / "empty",
        "out": tmp_path / "out",
        "foreign": tmp_path / "foreign",
        "source": source,
    }
    filled = [argument.format(server=server.address, **places) for argument in arguments]
    assert run(monkeypatch, "build", *filled) == code
    said = " ".join(re.sub(r"[│╭╮╰╯─]", " ", capsys.readouterr().err).split())
    assert words in said
    assert "Traceback" not in said
    assert (tmp_path / "foreign" / "mine.txt").read_text() == "mine"
    assert not list((tmp_path / "out").glob("*/*.parquet"))


def test_a_server_with_another_model_does_not_extend_a_run(monkeypatch, source, tmp_path, server, capsys):
    assert build(monkeypatch, source, tmp_path / "out", server) == 0
    before = contents(tmp_path / "out")
    with ChatServer(model="huge") as other:
        assert build(monkeypatch, source, tmp_path / "out", other) == 1
    assert "model='tiny', now it is 'huge'" in " ".join(capsys.readouterr().err.split())
    assert contents(tmp_path / "out") == before


def test_summaries_for_people_and_programs(monkeypatch, source, tmp_path, server, capsys):
    out = tmp_path / "out"
    assert build(monkeypatch, source, out, server, "--samples", 2) == 0
    shown = capsys.readouterr().out
    for words in ("Funnel", "Statuses by turn", "Time, requests and tokens", "codeio_pp", "load_dataset("):
        assert words in shown
    assert run(monkeypatch, "status", out, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["rows"]["tasks"] == {"train": 8}
    assert found["statuses"]["output"] == {"0": {"correct": 4, "wrong": 4}, "1": {"correct": 4}}
    assert found["cost"]["responses"]["asked"] == 16
    assert run(monkeypatch, "status", tmp_path / "nothing") == 1


def test_doctor_looks_at_the_real_machine(monkeypatch, capsys):
    assert run(monkeypatch, "doctor", "--json") == 0
    found = {finding["name"]: finding for finding in json.loads(capsys.readouterr().out)}
    assert found["sandbox"]["ok"]
    assert {"Python", "datasets", "disk", "Hub login"} <= set(found)
