"""A build that is run again continues, grows, follows its source, and sends no answered request again."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time

from tests.building import build, parquet_bytes, read_rows, run_codeio


def test_a_second_run_asks_and_changes_nothing(monkeypatch, tmp_path, server, finished):
    out = finished().copy(tmp_path / "out")
    before = parquet_bytes(out)
    assert build(monkeypatch, finished().source, out, server) == 0
    assert parquet_bytes(out) == before
    assert not server.asked


def test_more_samples_and_turns_extend_a_run(monkeypatch, tmp_path, server, finished):
    source = finished("--samples", 2).source
    out = finished("--samples", 2).copy(tmp_path / "out")
    assert build(monkeypatch, source, out, server, "--samples", 4, "--turns", 2) == 0
    samples = {row["sample"] for row in read_rows(out, "codeio_pp")}
    assert samples == {0, 1, 2}
    # Samples 2 and 3 with a closing question, sample 3 with two revisions.
    assert sum(server.asked.values()) == 8 * (2 + 4)
    assert build(monkeypatch, source, out, server, "--samples", 2) == 1  # a run cannot shrink


def test_a_failing_request_leaves_its_rows_open(monkeypatch, source, tmp_path, server, capsys, finished):
    out = tmp_path / "out"
    stuck = finished().bodies[-1]["messages"][1]["content"]
    server.faults[stuck] = ["500"] * 100
    assert build(monkeypatch, source, out, server, "--patience", 1) == 3
    assert "same command again" in capsys.readouterr().err
    assert not (out / "turns").exists()
    server.faults[stuck] = []
    asked = sum(server.asked.values())
    assert build(monkeypatch, source, out, server) == 0
    assert parquet_bytes(out) == parquet_bytes(finished().out)
    assert sum(server.asked.values()) - asked <= 2


def test_turns_can_be_loaded_when_the_next_ones_are_not_answered(monkeypatch, tmp_path, server, finished):
    source = finished("--samples", 4).source
    out = finished("--samples", 4).copy(tmp_path / "out")
    before = read_rows(out, "turns")
    second_revision = finished("--samples", 4, "--turns", 2).bodies[-1]["messages"]
    assert len(second_revision) == 6
    server.faults[second_revision[-1]["content"]] = ["500"] * 100
    options = ("--samples", 4, "--turns", 2, "--patience", 0.5)
    assert build(monkeypatch, source, out, server, *options) == 3
    assert read_rows(out, "turns") == before


def test_a_killed_build_continues(monkeypatch, source, tmp_path, server, capsys):
    """After SIGKILL while answers arrive, no answered request is sent again, and the result is complete."""
    server.delay_s = 0.3
    out = tmp_path / "out"
    command = ["build", str(source), "--out", str(out), "--from", "functions", "--base-url", server.address]
    command += ["--max-pairs", "2", "--concurrency", "1", "--samples", "2"]
    program = [sys.executable, "-m", "builders", *command]
    process = subprocess.Popen(program, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
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
    assert run_codeio(monkeypatch, *command) == 0
    errors = capsys.readouterr().err
    for stage in ("io_pairs", "tasks", "responses", "revisions"):
        assert re.search(rf"^{stage}: \d+ kept, \d+ dropped, \d+ s$", errors, re.MULTILINE)
    with sqlite3.connect(database) as connection:
        (n_all,) = connection.execute("select count(*) from answers").fetchone()
    assert sum(server.asked.values()) - asked == n_all - n_kept


def test_rows_of_an_edited_source_are_removed_with_all_made_of_them(monkeypatch, source, tmp_path, server):
    """The tables of the folder fit together after every stage, and at the end equal those of a new build."""
    out = tmp_path / "out"
    build(monkeypatch, source, out, server, "--samples", 4)
    source.write_text(source.read_text().replace("n + 7", "n + 9"))
    assert build(monkeypatch, source, out, server, "--samples", 4, "--until", "tasks") == 0
    assert not (out / "turns").exists()
    assert not (out / "dropped").exists()
    assert run_codeio(monkeypatch, "status", out) == 0
    assert build(monkeypatch, source, out, server, "--samples", 4) == 0
    build(monkeypatch, source, tmp_path / "fresh", server, "--samples", 4)
    assert parquet_bytes(out) == parquet_bytes(tmp_path / "fresh")


def test_a_shorter_pass_keeps_what_later_stages_made_and_dropped(monkeypatch, tmp_path, server, finished):
    source = finished("--samples", 4).source
    out = finished("--samples", 4).copy(tmp_path / "out")
    before = parquet_bytes(out)
    assert read_rows(out, "dropped")
    assert build(monkeypatch, source, out, server, "--samples", 4, "--until", "io_pairs") == 0
    assert parquet_bytes(out) == before


def test_an_incomplete_line_of_telemetry_is_skipped(monkeypatch, source, tmp_path, server, capsys):
    out = tmp_path / "out"
    build(monkeypatch, source, out, server, "--until", "io_pairs")
    with (out / ".codeio" / "telemetry.jsonl").open("a") as telemetry:
        telemetry.write('{"stage": "tas')
    assert build(monkeypatch, source, out, server) == 0
    capsys.readouterr()
    assert run_codeio(monkeypatch, "status", out, "--json") == 0
    assert {"io_pairs", "tasks", "responses"} <= set(json.loads(capsys.readouterr().out)["cost"])
