"""Bytes that publishing a grown version sends again: `python -m tests.bench.growth 200000`.

The real client publishes a version with this number of turns, and the tasks that they answer, to the local
Hub; then a version with 1 % more functions. The new rows come last (a source that grew at its end) or are
among the others (a folder with new files), in the order of the build or in the row order of the previous
version. Prints the bytes of all files, of the files that were sent, and of the chunks that the previous
version does not have: about 64 KiB each, cut by content as the Hub's storage cuts them.
"""

import argparse
import hashlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from datasets import Dataset
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from builders.schema import TABLES
from builders.tables.folder import Folder
from hub.publish.row_order import keep_row_order
from tests.bench.changes import TEXT, name
from tests.doubles.local_hub import LocalHub

TURNS_A_FUNCTION = 12
LEAST_CHUNK, MEAN_CHUNK, MOST_CHUNK = (2**10 * size for size in (8, 64, 128))
GEAR = np.random.default_rng(0).integers(2**64, size=256, dtype=np.uint64)
PUBLISH = """
import sys
from pathlib import Path
from hub.publish.upload import Target, publish
publish(Path(sys.argv[1]), Target(sys.argv[2]), "A version")
"""


def turns(functions: Iterator[int]) -> Iterator[dict[str, Any]]:
    for function in functions:
        for number in range(function * TURNS_A_FUNCTION, (function + 1) * TURNS_A_FUNCTION):
            start = number * 7919 % (len(TEXT) - 3000)
            yield {
                "response_id": name(1 << 40, number),
                "task_id": name(2 << 40, number // 2),
                "turn": number % 2,
                "response": TEXT[start : start + 1000 + number * 31 % 1000],
                "status": "wrong" if number % 3 else "correct",
            }


def tasks(functions: Iterator[int]) -> Iterator[dict[str, Any]]:
    for row in islice(turns(functions), 0, None, 2):
        yield {"task_id": row["task_id"], "direction": "output", "prompt": row["response"][:700]}


def write_version(root: Path, functions: list[int]) -> int:
    """Write a version and return the bytes of its files."""
    folder = Folder(root)
    (root / ".codeio").mkdir(parents=True)
    for config, rows in (("turns", turns), ("tasks", tasks)):
        columns: dict[str, list[Any]] = {column: [] for column in TABLES[config].columns}
        for row in rows(iter(functions)):
            for column, values in columns.items():
                values.append(row.get(column))
        folder.write(config, {"train": Dataset.from_dict(columns, features=TABLES[config].features)})
    return sum(file.stat().st_size for config in ("turns", "tasks") for file in folder.files(config))


def chunks(file: Path) -> dict[str, int]:
    """Return the size of each chunk by its hash; cuts are where the hash of the last 64 bytes is small."""
    content = file.read_bytes()
    rolling = GEAR[np.frombuffer(content, np.uint8)]
    for power in range(6):  # of the last 2, 4, 8, ... 64 bytes
        shift = 2**power
        rolling[shift:] += rolling[:-shift] << np.uint64(shift)
    cuts = np.flatnonzero(rolling >> np.uint64(48) == 0) + 1
    sizes, start = {}, 0
    while start < len(content):
        later_cuts = cuts[np.searchsorted(cuts, start + LEAST_CHUNK) :]
        stop = min(int(later_cuts[0]) if len(later_cuts) else len(content), start + MOST_CHUNK, len(content))
        sizes[hashlib.sha256(content[start:stop]).hexdigest()] = stop - start
        start = stop
    return sizes


class Sent(NamedTuple):
    """Bytes of a grown version: of all files, of the files that were sent, of the chunks that are new."""

    n_bytes: int
    n_sent: int
    n_new: int


def measured(n_turns: int, new_come_last: bool, keeps_order: bool) -> Sent:
    """Publish a version, then the grown version, and return the bytes of the second."""
    n_functions = n_turns // TURNS_A_FUNCTION
    grown = list(range(n_functions))
    new = {n for n in grown if (n >= n_functions * 0.99 if new_come_last else n % 100 == 50)}
    published: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as scratch, LocalHub(Path(scratch) / "hub") as hub:
        before, after = (Path(scratch) / version for version in ("before", "after"))
        for root, functions in ((before, [n for n in grown if n not in new]), (after, grown)):
            n_bytes = write_version(root, functions)
            if keeps_order and root == after:
                keep_row_order(Folder(after), Folder(before))
            hub.counters.clear()
            command = [sys.executable, "-c", PUBLISH, str(root), "ada/data"]
            subprocess.run(command, env=hub.environment(Path(scratch) / "home"), check=True)
            published_before = dict(published)
            for file in root.glob("*/*.parquet"):
                published |= chunks(file)
        n_new = sum(published[chunk] for chunk in published.keys() - published_before.keys())
        return Sent(n_bytes, hub.counters.n_uploaded_bytes, n_new)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("turns", type=int, nargs="*", default=[20_000, 200_000])
    table = Table("turns", "new rows", "published", "bytes", "sent", "share", "new chunks", "share")
    for n_turns in parser.parse_args().turns:
        for new_come_last in (True, False):
            for keeps_order in (False, True):
                sizes = measured(n_turns, new_come_last, keeps_order)
                table.add_row(
                    f"{n_turns:,}",
                    "last" if new_come_last else "among the others",
                    "in the previous order" if keeps_order else "as built",
                    decimal(sizes.n_bytes),
                    *(decimal(sizes.n_sent), f"{sizes.n_sent / sizes.n_bytes:.1%}"),
                    *(decimal(sizes.n_new), f"{sizes.n_new / sizes.n_bytes:.1%}"),
                )
    Console().print(table)


if __name__ == "__main__":
    main()
