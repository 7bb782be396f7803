"""Time and memory of comparing two versions: `python -m tests.bench.changes 100000 1000000`.

Each size is a number of turns with replies of 1 to 2 kB, and the tasks that they answer. Between the two
versions a tenth of the turns is added, a tenth removed, a tenth regraded, and a tenth has a different reply.
Each size runs in a process of its own. Memory is the peak of anonymous memory (RssAnon), sampled twenty times
a second.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from builders.schema import TABLES
from hub.changes.compare import changes
from hub.versions import open_version
from tests.bench.memory import anonymous_mb

EVERY_S = 0.05
ROWS_A_FILE = 4096
N_SAMPLES = 2
PAIRS_A_FUNCTION = 3
TEXT = " ".join(random.Random(0).choices([f"word{number}" for number in range(5000)], k=200_000))


def name(kind: int, number: int) -> str:
    """Return 16 hex digits like those of content ids, but cheaper to make."""
    return f"{(kind + number) * 0x9E3779B97F4A7C15 % 2**64:016x}"


def turns(n_rows: int, is_new: bool) -> Iterator[dict[str, Any]]:
    """Yield the turns of a version; one in eleven is only in the old one, and one only in the new one."""
    for number in range(n_rows + n_rows // 10):
        kind = number % 11
        if kind == (0 if is_new else 10):
            continue
        start, length = number * 7919 % (len(TEXT) - 3000), 1000 + number * 31 % 1000
        yield {
            "response_id": name(1 << 40, number),
            "task_id": name(2 << 40, number // N_SAMPLES),
            "sample": number % N_SAMPLES,
            "turn": 0,
            "response": TEXT[start : start + length] + "." * (is_new and kind == 2),
            "prediction": str(number),
            "status": "wrong" if is_new and kind == 1 else "correct",
            "answer_forced": False,
            "finish_reason": "stop",
            "model": "Qwen/Qwen2.5-Coder-7B-Instruct",
            "sampling": '{"max_tokens":4096,"seed":0,"temperature":0.7,"top_p":1.0}',
            "prompt_id": "0123456789abcdef",
            "n_prompt_tokens": 700,
            "n_completion_tokens": length // 4,
        }


def tasks(n_rows: int) -> Iterator[dict[str, Any]]:
    """Yield the tasks of this number of turns."""
    for number in range((n_rows + n_rows // 10) // N_SAMPLES):
        pair = number // 2
        yield {
            "task_id": name(2 << 40, number),
            "pair_id": name(3 << 40, pair),
            "function_id": name(4 << 40, pair // PAIRS_A_FUNCTION),
            "direction": ("output", "input")[number % 2],
            "prompt": TEXT[number % 10_000 :][:500],
        }


def write(folder: Path, config: str, rows: Iterator[dict[str, Any]]) -> None:
    """Write a table in files with as many rows as those of a build."""
    schema, number = TABLES[config].features.arrow_schema, 0
    (folder / config).mkdir(parents=True)
    while chunk := list(islice(rows, ROWS_A_FILE)):
        pq.write_table(pa.Table.from_pylist(chunk, schema), folder / config / f"train-{number:05d}.parquet")
        number += 1


def run(folder: Path) -> dict[str, float]:
    """Compare the versions in a folder and return the peak of memory, and seconds."""
    peak, over = [0.0], threading.Event()

    def watch() -> None:
        while not over.wait(EVERY_S):
            peak[0] = max(peak[0], anonymous_mb())

    before, began = anonymous_mb(), (time.perf_counter(), time.process_time())
    threading.Thread(target=watch, daemon=True).start()
    result = changes(open_version(str(folder / "old")), open_version(str(folder / "new")))
    seconds, cpu_s = time.perf_counter() - began[0], time.process_time() - began[1]
    over.set()
    table = result.tables["turns"]
    counts = [table.n(change) for change in ("added", "removed", "regraded", "changed")]
    assert all(abs(count - table.n_new / 10) < 11 for count in counts), counts
    return {"before_mb": before, "peak_mb": peak[0], "seconds": seconds, "cpu_s": cpu_s}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(run(options.one)))
        return
    by_size: dict[int, dict[str, float]] = {}
    for size in options.sizes:
        with tempfile.TemporaryDirectory() as folder:
            for side in ("old", "new"):
                write(Path(folder) / side, "turns", turns(size, side == "new"))
                write(Path(folder) / side, "tasks", tasks(size))
            command = [sys.executable, "-m", "tests.bench.changes", "--one", folder]
            by_size[size] = json.loads(subprocess.check_output(command))
    if options.json:
        print(json.dumps(by_size))
        return
    table = Table(
        "turns", "MB before", "MB at most", "seconds", "CPU seconds", title="Comparing two versions"
    )
    for size, figures in by_size.items():
        table.add_row(f"{size:,}", *(f"{figure:,.1f}" for figure in figures.values()))
    Console().print(table)


if __name__ == "__main__":
    main()
