"""Builds that start from functions, with the real sandbox and a scripted server whose verdicts are known."""

import json
import re

import pytest

from builders.execution import interpreter, tiers
from builders.verifier import canonical
from tests.builders.execution.boots import boot_with
from tests.building import (
    FUNCTIONS,
    GENERATOR,
    build,
    parquet_bytes,
    read_rows,
    run_codeio,
    write_functions_file,
)
from tests.doubles.chat_server import ChatServer


def test_statuses_feedback_and_views(finished):
    out = finished("--samples", 4, "--turns", 2).out
    assert [len(read_rows(out, table)) for table in ("functions", "io_pairs", "tasks")] == [2, 4, 8]
    turns = read_rows(out, "turns")
    statuses = {}
    for turn in turns:
        statuses.setdefault((turn["task_id"], turn["sample"]), []).append(turn["status"])
    assert len(statuses) == 32
    for (_, sample), of_sample in statuses.items():
        expected = {
            0: ["correct"],
            1: ["wrong", "correct"],
            2: ["correct"],
            3: ["no_answer", "wrong", "wrong"],
        }
        assert of_sample == expected[sample]
    direction = {task["task_id"]: task["direction"] for task in read_rows(out, "tasks")}
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
        assert turn["answer_forced"] == (turn["sample"] == 2)
        if turn["answer_forced"]:
            assert turn["response"].startswith("I know it, but do not say it.\n\n{")
    assert {row["status"] for row in read_rows(out, "codeio")} == {"correct", "wrong"}
    assert [row["pass_rate"] for row in read_rows(out, "rlvr")] == [0.25] * 8
    assert len(read_rows(out, "preference")) == 8
    plus = read_rows(out, "codeio_pp")
    assert len(plus) == 24
    assert {row["license"] for row in plus} == {"mit"}
    assert all(row["drop_reason"] == "truncated" for row in read_rows(out, "dropped"))


def test_rows_hold_canonical_json_and_no_local_paths(finished):
    out = finished().out
    for config in ("functions", "io_pairs", "tasks", "turns", "codeio", "codeio_pp", "rlvr"):
        for row in read_rows(out, config):
            for column in ("input", "output", "prediction", "sampling", "input_schema"):
                if row.get(column):
                    assert canonical(json.loads(row[column])) == row[column]
    for task in read_rows(out, "tasks"):
        assert "randint" not in task["prompt"]
        assert task["prompt"].index("## Reference code") < task["prompt"].index("## Your task")
    assert not re.search(rb"/tmp/|127\.0\.0\.1", b"".join(parquet_bytes(out).values()))


def test_workers_do_not_change_a_byte(monkeypatch, source, tmp_path, server, finished):
    """By default there are several of each kind."""
    build(monkeypatch, source, tmp_path / "one", server, "--num-proc", 1, "--concurrency", 1)
    assert parquet_bytes(tmp_path / "one") == parquet_bytes(finished().out)


def test_pairs_with_one_output_ask_for_an_input_once(monkeypatch, tmp_path):
    source = write_functions_file(
        tmp_path, [{**FUNCTIONS[0], "reference_code": "def f(n):\n    return n % 2 == 0\n"}]
    )
    out = tmp_path / "out"
    options = ("--from", "functions", "--max-pairs", 5, "--until", "tasks")
    assert run_codeio(monkeypatch, "build", source, "--out", out, *options) == 0
    prompts = [task["prompt"] for task in read_rows(out, "tasks")]
    assert len(prompts) == len(set(prompts)) == 7  # five outputs, and an input for true and for false
    drops = read_rows(out, "dropped")
    assert {(drop["stage"], drop["drop_reason"]) for drop in drops} == {("tasks", "duplicate")}
    pairs = {pair["pair_id"] for pair in read_rows(out, "io_pairs")}
    assert len({drop["row_id"] for drop in drops}) == len(drops) == 3
    assert {drop["parent_id"] for drop in drops} < pairs


def test_refused_questions_are_counted_in_the_funnel(monkeypatch, source, tmp_path, server, capsys):
    server.always = "too_long"
    build(monkeypatch, source, tmp_path / "out", server)
    assert "8 context_too_long" in capsys.readouterr().out
    assert "8 context_too_long" in (tmp_path / "out" / "README.md").read_text().replace("\\", "")


def test_a_question_that_is_too_long_is_dropped_with_its_reason(
    monkeypatch, source, tmp_path, server, finished
):
    out = tmp_path / "out"
    long = read_rows(finished().out, "tasks")[0]
    server.faults[long["prompt"]] = ["too_long"]
    assert build(monkeypatch, source, out, server) == 0
    (drop,) = read_rows(out, "dropped")
    assert (drop["stage"], drop["drop_reason"], drop["parent_id"]) == (
        "responses",
        "context_too_long",
        long["task_id"],
    )
    assert len(read_rows(out, "codeio")) == 7
    assert len(read_rows(out, "rlvr")) == 8


@pytest.mark.parametrize("table", ["functions", "io_pairs", "tasks", "turns"])
def test_any_table_of_a_run_starts_another(monkeypatch, tmp_path, server, table, finished):
    first = finished("--samples", 2).out
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
    code = run_codeio(monkeypatch, "build", first, "--out", tmp_path / "second", *options)
    assert code == 0
    for config in ("tasks", "codeio", "codeio_pp", "rlvr", "preference"):
        assert read_rows(tmp_path / "second", config) == read_rows(first, config)


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
    others = [
        FUNCTIONS[0] | {"reference_code": f"def f(n):\n    return n + {step}\n" + "# x\n"}
        for step in range(2, 12)
    ]
    source = tmp_path / "functions.jsonl"
    source.write_text("\n".join(map(json.dumps, [*copies, *others])))
    out = tmp_path / "out"
    options = ("--from", "functions", "--until", "tasks", "--max-pairs", 1, "--test-share", 0.3)
    assert run_codeio(monkeypatch, "build", source, "--out", out, *options) == 0
    train = {row["function_id"] for row in read_rows(out, "tasks")}
    test = {row["function_id"] for row in read_rows(out, "tasks", "test")}
    assert train
    assert test
    assert not train & test
    functions = read_rows(out, "functions")
    pair = {row["function_id"] for row in functions if "Adds." in row["reference_code"]}
    assert len(pair) == 2
    assert pair <= train or pair <= test


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["{empty}", "--out", "{out}", "--base-url", "{server}"], 1, "holds no files"),
        (["{source}", "--out", "{out}"], 2, "asks a model"),
        (
            ["{source}", "--out", "{out}", "--base-url", "{server}", "--embedded", "x"],
            2,
            "give only one of the three",
        ),
        (["{source}", "--out", "{out}", "--base-url", "http://127.0.0.1:9"], 1, "No server answers"),
        (
            ["{source}", "--out", "{out}", "--base-url", "{server}", "--model", "other"],
            1,
            "serves tiny, not other",
        ),
        (["{source}", "--out", "{out}", "--until", "nowhere"], 2, "choose one of"),
        (["{source}", "--out", "{out}", "--from", "turns", "--until", "tasks"], 2, "lies before"),
        (["{source}", "--out", "{out}", "--from", "tasks", "--base-url", "{server}"], 1, "parent tables"),
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
    assert run_codeio(monkeypatch, "build", *filled) == code
    message = " ".join(re.sub(r"[│╭╮╰╯─]", " ", capsys.readouterr().err).split())
    assert words in message
    assert "Traceback" not in message
    assert (tmp_path / "foreign" / "mine.txt").read_text() == "mine"
    assert not list((tmp_path / "out").glob("*/*.parquet"))


def test_a_server_with_another_model_does_not_extend_a_run(monkeypatch, tmp_path, capsys, finished):
    out = finished().copy(tmp_path / "out")
    before = parquet_bytes(out)
    with ChatServer(model="huge") as other:
        assert build(monkeypatch, finished().source, out, other) == 1
    assert "model='tiny', now it is 'huge'" in " ".join(capsys.readouterr().err.split())
    assert parquet_bytes(out) == before


def test_summaries_for_people_and_programs(monkeypatch, tmp_path, capsys, finished):
    _, out, _, shown = finished("--samples", 2)
    for words in ("Funnel", "Statuses by turn", "Time, requests and tokens", "codeio_pp", "load_dataset("):
        assert words in shown
    assert run_codeio(monkeypatch, "status", out, "--json") == 0
    numbers = json.loads(capsys.readouterr().out)
    assert numbers["rows"]["tasks"] == {"train": 8}
    assert numbers["statuses"]["output"] == {"0": {"correct": 4, "wrong": 4}, "1": {"correct": 4}}
    assert numbers["cost"]["responses"]["asked"] == 16
    assert run_codeio(monkeypatch, "status", tmp_path / "nothing") == 1


def test_doctor_looks_at_the_real_machine(monkeypatch, capsys):
    assert run_codeio(monkeypatch, "doctor", "--json") == 0
    findings = {finding["name"]: finding for finding in json.loads(capsys.readouterr().out)["findings"]}
    assert findings["sandbox"]["ok"]
    assert {"Python", "datasets", "disk", "Hub login"} <= set(findings)
    assert [findings[layer]["found"] for layer in findings["sandbox"]["found"].split("+")[:3]] == [
        "holds"
    ] * 3


@pytest.mark.parametrize(
    ("broken", "tier", "missing"),
    [
        ("namespaces", "landlock+seccomp", {"namespaces"}),
        ("landlock", "namespaces+seccomp", {"landlock"}),
        ("namespaces landlock", "seccomp-noopen", {"namespaces", "landlock"}),
        ("namespaces landlock seccomp", None, {"namespaces", "landlock", "seccomp"}),
    ],
)
def test_doctor_names_missing_layers_and_gives_advice(monkeypatch, capsys, broken, tier, missing):
    """A kernel may refuse a layer, as in containers: the worker's own call fails then."""
    calls = {"namespaces": "namespaces.enter", "landlock": "landlock.restrict", "seccomp": "seccomp.install"}
    lines = "from builders.execution.inside import landlock, namespaces, seccomp\n"
    for layer in broken.split():
        lines += f"def refuse(*_): raise PermissionError('{layer}: not permitted')\n{calls[layer]} = refuse\n"
    monkeypatch.setattr(interpreter, "_BOOT", boot_with(lines))
    tiers._self_test.cache_clear()
    try:
        assert run_codeio(monkeypatch, "doctor", "--json") == (tier is None)
        findings = {finding["name"]: finding for finding in json.loads(capsys.readouterr().out)["findings"]}
    finally:
        tiers._self_test.cache_clear()
    if tier:
        assert findings["sandbox"]["found"].split(";")[0] == tier
    for layer in ("namespaces", "landlock", "seccomp"):
        assert findings[layer]["ok"] == (layer not in missing)
        if layer in missing:
            assert ": not permitted" in findings[layer]["found"]
            assert findings[layer]["advice"]
