"""Memory of the stage `responses` by the number of tasks: `python -m tests.bench.memory 10000 1000000`.

Each size runs in a process of its own, against a server that answers at once, with tasks on disk, 2,000 rows
in a shard, and every answer in the request cache. Only anonymous memory (RssAnon) counts, sampled twice a
second, because the kernel can reclaim pages of the memory-mapped tables.
"""

import argparse
import json
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
from datasets import Dataset, disable_progress_bars
from rich.console import Console
from rich.table import Table

from builders.inference import Client, RequestCache, connect
from builders.options import ResponsesOptions
from builders.responses import Responses
from builders.schema import TABLES, content_id
from builders.tables.joins import LazyJoin
from tests.bench.corpus_tasks import task_rows
from tests.bench.zero_latency import zero_latency

EVERY_S = 0.5


def anonymous_mb() -> float:
    line = next(
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon")
    )
    return int(line.split()[1]) / 1024


def parquet(rows: Iterator[dict[str, Any]], columns: Any, file: Path) -> Dataset:
    """Write rows to a file in batches, and return them as a memory-mapped dataset."""
    schema = columns.arrow_schema
    with pq.ParquetWriter(file, schema) as writer:
        while batch := list(islice(rows, 10_000)):
            writer.write_table(pa.Table.from_pylist(batch, schema))
    return Dataset.from_parquet(str(file), cache_dir=str(file.parent / "cache"))


def tasks(n_tasks: int) -> Iterator[dict[str, Any]]:
    """Yield this number of copies of one task about a sample file, each with its own number."""
    task = next(task_rows(1, 1))
    for number in range(n_tasks):
        prompt = f"{task['prompt']}\nCase {number}"
        yield {**task, "prompt": prompt, "task_id": content_id("task", number), "direction": "output"}


def run(n_tasks: int, url: str) -> dict[str, float]:
    """Run the stage on `n_tasks` and return the peak of memory, and rows per second."""
    disable_progress_bars()
    peak, over = [0.0], threading.Event()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = parquet(tasks(n_tasks), TABLES["tasks"].features, folder / "tasks.parquet")
        functions = parquet(
            task_rows(1, 1), TABLES["functions"].features, folder / "functions.parquet"
        ).select([0])
        client = Client(connect(url), RequestCache(folder / "requests.sqlite"))
        stage = Responses(ResponsesOptions(), client)

        def watch() -> None:
            while not over.wait(EVERY_S):
                peak[0] = max(peak[0], anonymous_mb())

        threading.Thread(target=watch, daemon=True).start()
        before, began = anonymous_mb(), time.perf_counter()
        kept, dropped = stage(LazyJoin(source).join(functions, "function_id"), folder / "cache")
        seconds = time.perf_counter() - began
        over.set()
        client.close()
        assert (len(kept), len(dropped)) == (n_tasks, 0)
        return {"before_mb": before, "peak_mb": peak[0], "rows_per_s": n_tasks / seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(run(int(options.one[0]), options.one[1])))
        return
    by_size: dict[int, dict[str, float]] = {}
    with zero_latency() as url:
        for size in options.sizes:
            command = [sys.executable, "-m", "tests.bench.memory", "--one", str(size), url]
            by_size[size] = json.loads(subprocess.check_output(command))
    if options.json:
        print(json.dumps(by_size))
        return
    table = Table("tasks", "MB before", "MB at most", "rows a second", title="Anonymous memory of responses")
    for size, figures in by_size.items():
        table.add_row(f"{size:,}", *(f"{figure:,.0f}" for figure in figures.values()))
    Console().print(table)


if __name__ == "__main__":
    main()
