"""Rows per second and memory of an audit: `python -m tests.bench.audit 2000 100000 --sample 1000`.

Each size is a number of turns. The data are generated without a model: functions that add a number, two pairs
for each, and for each task a correct answer, and a wrong one with its revision, in replies of a usual length.
Each audit runs in a process of its own. Only anonymous memory counts: the kernel can reclaim mapped tables.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from datasets import Dataset, disable_progress_bars
from rich.console import Console
from rich.table import Table

import prompts
from builders.execution import Execution
from builders.responses import history, opening_messages, revision_request
from builders.running.observer import Observer
from builders.running.provenance import provenance
from builders.running.telemetry import Meter
from builders.schema import TABLES, content_id
from builders.tables.folder import Folder
from builders.tasks import Tasks
from builders.training_set import VIEWS
from builders.verifier import canonical, extract, verify
from hub.audit import audit
from hub.card.card import card
from hub.versions import open_version
from tests.bench.memory import EVERY_S, anonymous_mb

TURNS_A_FUNCTION = 12
SAMPLING = {"max_tokens": 4096, "temperature": 0.7}
WORDS = "The function takes n and adds a number to it, so I look at what n is and count on from there. " * 8


def functions(n_turns: int) -> Iterator[dict[str, Any]]:
    """Yield functions, as many as have about this number of turns."""
    for step in range(max(1, n_turns // TURNS_A_FUNCTION)):
        code = f"def f(n):\n    return n + {step}\n"
        hashed = (code, "f", "", f"What is {step} more than n?")
        yield {
            "function_id": content_id("function", *hashed),
            **dict(zip(("reference_code", "entrypoint", "input_generator", "query"), hashed, strict=True)),
            "io_description": "n: an integer. Returns an integer.",
            "license": "mit",
            "step": step,
        }


def conversation(task: dict[str, Any], sample: int) -> dict[str, Any]:
    """Return a conversation: a correct answer if `sample` is 0, else a wrong one with its revision."""
    n, output = json.loads(task["input"])["n"], json.loads(task["output"])
    right, wrong = ({"n": n}, {"n": n + 1}) if task["direction"] == "input" else (output, output + 9)
    turns: list[dict[str, Any]] = []
    for number, value in enumerate([right] if sample == 0 else [wrong, right]):
        messages = opening_messages(task, None)
        if turns:
            asked = revision_request(task["direction"], turns[-1]["feedback"])
            messages = [*history({**task, "turns": turns}, None), asked]
        reply = f"{WORDS}\n{canonical({task['direction']: value})}"
        prediction = extract(reply, task["direction"])
        verdict = verify(
            task["direction"],
            prediction,
            task["input"],
            task["output"],
            lambda text: Execution("ok", str(json.loads(text)["n"] + task["step"])),
        )
        turns.append(
            {
                "response_id": content_id("response", {**SAMPLING, "messages": messages}, "m", sample),
                "turn": number,
                "response": reply,
                "reasoning": "",
                "prediction": prediction,
                "status": verdict.status,
                "feedback": verdict.feedback,
                "answer_forced": False,
                "finish_reason": "stop",
                "model": "m",
                "sampling": canonical(SAMPLING),
                "prompt_id": prompts.load("revision" if number else "task").id,
            }
        )
    return {"task_id": task["task_id"], "sample": sample, "turns": turns}


def rows(n_turns: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the rows of all tables with the table's name, function by function."""
    tasks, views = Tasks(), [view() for view in VIEWS]
    for function in functions(n_turns):
        yield "functions", function
        for draw in range(2):
            arguments, output = canonical({"n": draw}), str(draw + function["step"])
            pair = {
                "function_id": function["function_id"],
                "input": arguments,
                "output": output,
                "draw": draw,
            }
            pair["pair_id"] = content_id("io_pair", function["function_id"], arguments, output)
            yield "io_pairs", pair
            for task in tasks.rows([{**function, **pair}]):
                assert isinstance(task, dict)
                yield "tasks", task
                joined = {**function, **pair, **task}
                joined["conversations"] = [conversation(joined, sample) for sample in range(2)]
                for answers in joined["conversations"]:
                    yield from (("turns", {**answers, **turn}) for turn in answers["turns"])
                for view in views:
                    yield from ((view.name, row) for row in view.rows([joined]) if isinstance(row, dict))


def write_tables(root: Path, n_turns: int) -> Path:
    """Write a folder of tables with its card, and return it."""
    columns: dict[str, dict[str, list[Any]]] = {}
    for config, row in rows(n_turns):
        table_columns = columns.setdefault(config, {column: [] for column in TABLES[config].columns})
        for column, values in table_columns.items():
            values.append(row.get(column))
    (root / ".codeio").mkdir(parents=True)
    for config, table_columns in columns.items():
        dataset = Dataset.from_dict(table_columns, features=TABLES[config].features)
        Folder(root).write(config, {"train": dataset})
    Folder(root).write_readme(card(Folder(root), provenance(root), "data"))  # the audit compares it
    (root / ".codeio").rmdir()
    return root


class Peak(Observer):
    """An observer that records the peak memory, read twice a second, and the seconds of each check."""

    def __init__(self) -> None:
        self.mb = 0.0
        self.seconds: dict[str, float] = {}
        self.over = threading.Event()

    def __enter__(self) -> Self:
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()

    def on_start(self, meter: Meter) -> None:
        self.began = time.perf_counter()

    def on_end(self, meter: Meter, n_kept: int, n_dropped: int) -> None:
        self.seconds[meter.stage] = time.perf_counter() - self.began

    def _watch(self) -> None:
        while not self.over.wait(EVERY_S):
            self.mb = max(self.mb, anonymous_mb())


def run(root: str, sample: int | None) -> dict[str, float]:
    """Audit a folder and return the figures: seconds by check, rows run again per second, and memory."""
    disable_progress_bars()
    peak, before = Peak(), anonymous_mb()
    began = time.perf_counter()
    report = audit(open_version(root), sample, observer=peak)
    assert {finding.check for finding in report.findings} <= {"shipped"}, report.findings[:3]
    n_run = report.checked["pairs"][0] + report.checked["turns"][0]
    return {
        "run again": n_run,
        "rows/s": n_run / (peak.seconds["pairs"] + peak.seconds["turns"]),
        "seconds": time.perf_counter() - began,
        "MB before": before,
        "MB at most": peak.mb,
        **peak.seconds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", type=int, nargs="*", default=[200, 20_000])
    parser.add_argument("--sample", type=int)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(run(options.one, options.sample)))
        return
    by_size: dict[int, dict[str, float]] = {}
    for size in options.sizes:
        with tempfile.TemporaryDirectory() as scratch:
            command = [
                sys.executable,
                "-m",
                "tests.bench.audit",
                "--one",
                str(write_tables(Path(scratch) / "made", size)),
            ]
            command += ["--sample", str(options.sample)] if options.sample else []
            by_size[size] = json.loads(subprocess.check_output(command))
    if options.json:
        print(json.dumps(by_size))
        return
    table = Table("turns", *next(iter(by_size.values())), title="Audits")
    for size, figures in by_size.items():
        table.add_row(f"{size:,}", *(f"{figure:,.1f}" for figure in figures.values()))
    Console().print(table)


if __name__ == "__main__":
    main()
