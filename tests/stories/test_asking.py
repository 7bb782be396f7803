"""Builds that ask a model, from the command line: options, limits, failures, shared answers, telemetry."""

import json
import os
import re
import shutil
import signal
import threading
import time

import pytest

from builders.cli.summary import figures
from builders.responses import Responses
from builders.running.run import Run
from builders.tables.folder import Folder
from tests.building import build, parquet_bytes, read_rows, run_codeio, scripted_reply, scripted_server
from tests.doubles.chat_server import ChatServer


def n_asked(server):
    return sum(server.asked.values())


def test_cut_off_replies_are_asked_again_alone_with_a_longer_limit(
    monkeypatch, source, tmp_path, server, capsys
):
    out = tmp_path / "out"

    def reply(body):
        is_long = body["max_tokens"] >= 8192 or "response_format" in body
        return scripted_reply({**body, "seed": 0}) if is_long else ("And so on and", "length")

    server.reply = reply
    build(monkeypatch, source, out, server, "--turns", 0)
    assert "codeio" not in Folder(out).counts()
    before = n_asked(server)
    assert build(monkeypatch, source, out, server, "--turns", 0, "--truncated-tokens", 8192) == 0
    assert n_asked(server) - before == 8
    assert all(body["max_tokens"] == 8192 for body in server.bodies[-8:])
    turns = read_rows(out, "turns")
    assert {turn["finish_reason"] for turn in turns} == {"stop"}
    assert {json.loads(turn["sampling"])["max_tokens"] for turn in turns} == {8192}
    assert len(read_rows(out, "codeio")) == 8
    assert build(monkeypatch, source, out, server, "--turns", 0) == 1
    assert "can grow but not shrink" in capsys.readouterr().err


def test_refused_requests_are_asked_again_on_demand_alone(monkeypatch, source, tmp_path, server, capsys):
    out = tmp_path / "out"
    server.reply = None
    server.always = "too_long"
    build(monkeypatch, source, out, server)
    assert {row["drop_reason"] for row in read_rows(out, "dropped")} == {"context_too_long"}
    assert figures(Folder(out), Run(out))["requests"] == {"answers": 0, "refusals": {"context_too_long": 8}}
    before = n_asked(server)
    build(monkeypatch, source, out, server)
    assert n_asked(server) == before
    server.always, server.reply = None, scripted_reply
    capsys.readouterr()
    assert build(monkeypatch, source, out, server, "--retry-failed") == 0
    assert "8 refused requests will be sent again" in capsys.readouterr().err
    assert n_asked(server) - before == 8
    assert len(read_rows(out, "turns")) == 8
    assert "dropped" not in Folder(out).counts()


def test_system_prompt_and_template_options_reach_the_model_and_decide_the_rows(
    monkeypatch, source, tmp_path, server, capsys
):
    out, file = tmp_path / "out", tmp_path / "system.txt"
    file.write_text("Think like a mathematician.")
    options = ("--system-prompt", file, "--chat-template", '{"enable_thinking": false}')
    assert build(monkeypatch, source, out, server, *options) == 0
    assert all(body["messages"][0]["content"] == "Think like a mathematician." for body in server.bodies)
    assert all(body["chat_template_kwargs"] == {"enable_thinking": False} for body in server.bodies)
    for config in ("codeio", "codeio_pp"):
        assert all(row["messages"][0]["content"] == file.read_text() for row in read_rows(out, config))
    assert all(row["prompt"][0]["content"] == file.read_text() for row in read_rows(out, "rlvr"))
    assert json.loads(read_rows(out, "turns")[0]["sampling"])["chat_template_kwargs"] == {
        "enable_thinking": False
    }
    assert build(monkeypatch, source, out, server, *options[:2]) == 1
    assert "chat_template" in capsys.readouterr().err
    file.write_text("Think like a lawyer.")
    assert build(monkeypatch, source, out, server, *options) == 1


@pytest.mark.parametrize("options", [("--chat-template", "[1]"), ("--system-prompt", "absent.txt")])
def test_what_cannot_be_read_is_refused_before_any_work(
    monkeypatch, source, tmp_path, server, capsys, options
):
    assert build(monkeypatch, source, tmp_path / "out", server, *options) == 2
    assert options[0] in capsys.readouterr().err
    assert n_asked(server) == 0


def test_reasoning_is_kept_apart_and_reaches_the_training_text_on_demand(
    monkeypatch, source, tmp_path, server, finished
):
    plain, kept = finished().out, tmp_path / "kept"
    build(monkeypatch, source, kept, server, "--keep-reasoning")
    assert read_rows(plain, "turns") == read_rows(kept, "turns")
    assert all(turn["reasoning"].startswith("thinking of") for turn in read_rows(kept, "turns"))
    for without, with_it in zip(read_rows(plain, "codeio_pp"), read_rows(kept, "codeio_pp"), strict=True):
        text = with_it["messages"][-1]["content"]
        assert "think" not in without["messages"][-1]["content"]
        assert re.fullmatch(r"(?s)<think>\nthinking of .*\n</think>\n\n.*", text)
        assert text.endswith(without["messages"][-1]["content"])
        assert with_it["turn_1"].startswith("<think>")


def test_merged_answers_of_another_run_are_not_asked_for_again(
    monkeypatch, source, tmp_path, server, capsys, finished
):
    first, second = finished().copy(tmp_path / "first"), tmp_path / "second"
    file, before = tmp_path / "answers.parquet", len(finished().bodies)
    assert run_codeio(monkeypatch, "cache", "export", first, file) == 0
    assert run_codeio(monkeypatch, "cache", "merge", second, file) == 0
    assert f"{before} of {before} answers are new" in capsys.readouterr().out.replace("\n", "")
    assert build(monkeypatch, source, second, server) == 0
    assert n_asked(server) == 0
    assert read_rows(second, "turns") == read_rows(first, "turns")


def test_several_servers_share_the_work(monkeypatch, source, tmp_path, server, finished):
    with scripted_server() as second:
        server.delay_s = second.delay_s = 0.05
        out = tmp_path / "out"
        options = ("--base-url", second.address, "--samples", 4, "--concurrency", 2)
        assert build(monkeypatch, source, out, server, *options) == 0
        assert n_asked(server) > 5
        assert n_asked(second) > 5
    alone = finished("--samples", 4).out
    assert read_rows(alone, "turns") == read_rows(out, "turns")


def test_servers_of_different_models_are_refused(monkeypatch, source, tmp_path, server, capsys):
    with ChatServer(model="other") as second:
        assert build(monkeypatch, source, tmp_path / "out", server, "--base-url", second.address) == 1
    assert "different models do not mix" in capsys.readouterr().err.replace("\n", " ")


def test_telemetry_has_rates_failures_and_cost(monkeypatch, source, tmp_path, server, finished):
    out = tmp_path / "out"
    stuck = finished().bodies[0]["messages"][-1]["content"]
    server.faults[stuck] = ["500"]
    build(monkeypatch, source, out, server, "--price-in", 2, "--price-out", 10)
    samples = [line for line in Run(out).telemetry("sample") if line["stage"] == "responses"]
    last = samples[-1]
    assert (last["rows"], last["n_rows"], last["in_flight"], last["waiting"]) == (8, 8, 0, 0)
    assert last["asked"] == last["answered"] + 1 == 9
    assert last["failures"] == {"HTTP 500": 1}
    assert last["cached_share"] == 0.4
    assert last["cost"] == pytest.approx((80 * 2 + 24 * 10) / 1e6)
    assert figures(Folder(out), Run(out))["cost"]["responses"]["failures"] == {"HTTP 500": 1}


def test_the_key_is_written_nowhere(monkeypatch, source, tmp_path, server):
    secret = "sk-do-not-tell-anyone"
    monkeypatch.setenv("CODEIO_API_KEY", secret)
    server.key = secret
    server.reply = lambda body: (
        f"{secret} {scripted_reply(body)[0]}",
        "stop",
    )  # a server that repeats the key
    out = tmp_path / "out"
    assert build(monkeypatch, source, out, server) == 0
    assert run_codeio(monkeypatch, "cache", "export", out, out / "answers.parquet") == 0
    assert all("***" in turn["response"] for turn in read_rows(out, "turns"))
    for path in out.rglob("*"):
        assert not path.is_file() or secret.encode() not in path.read_bytes(), path


def test_shards_are_asked_about_together_and_rows_keep_their_order(monkeypatch, tmp_path, server, finished):
    source, out, *_ = finished("--turns", 0, "--until", "tasks")
    one_by_one, together = (shutil.copytree(out, tmp_path / name) for name in ("one_by_one", "together"))
    server.delay_s = 0.05
    monkeypatch.setattr(Responses, "shard_rows", 2)
    build(monkeypatch, source, together, server, "--turns", 0)
    assert server.n_in_flight_most > 4
    server.n_in_flight_most = 0
    monkeypatch.setattr(Responses, "shards_at_once", 1)
    build(monkeypatch, source, one_by_one, server, "--turns", 0)
    assert server.n_in_flight_most == 2
    assert parquet_bytes(together) == parquet_bytes(one_by_one)


def test_ctrl_c_ends_all_shards_at_once(monkeypatch, tmp_path, server, capsys, finished):
    source = finished("--turns", 0, "--until", "tasks").source
    out = finished("--turns", 0, "--until", "tasks").copy(tmp_path / "out")
    before = set(threading.enumerate())
    server.delay_s = 20
    monkeypatch.setattr(Responses, "shard_rows", 2)
    pressed, ended = [], threading.Event()

    def press_when_all_shards_wait():
        while server.n_in_flight < 8:
            if ended.wait(0.02):
                return
        pressed.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press_when_all_shards_wait)
    thread.start()
    code = build(monkeypatch, source, out, server)
    ended.set()
    thread.join()
    assert code == 130
    assert time.monotonic() - pressed[0] < 10
    assert "Run the same command again" in capsys.readouterr().err
    new = set(threading.enumerate()) - before
    assert not [thread.name for thread in new if thread.name.startswith("codeio")]
    server.delay_s = 0
    assert build(monkeypatch, source, out, server) == 0
