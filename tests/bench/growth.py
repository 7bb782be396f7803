"""What a grown version sends again: `python -m tests.bench.growth 200000`.

A version with so many turns, and the tasks they answer, is published to the local Hub by the real client;
then one with one function in a hundred more, whose rows come last (a source that goes on) or stand among the
others (a folder with new files in it): as it was built, and in the order and files of the version before.
Told are the bytes of all files, of those that were sent, and of those chunks of about 64 KiB, cut by content
as the Hub's storage cuts them, that the version before does not have.
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


def made(root: Path, functions: list[int]) -> int:
    """Write a version; returns the bytes of its files."""
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
    """The bytes of each chunk by its hash: a cut is where a hash of the 64 bytes before it ends in zeros."""
    content = file.read_bytes()
    rolling = GEAR[np.frombuffer(content, np.uint8)]
    for power in range(6):  # of the last 2, 4, 8, ... 64 bytes
        shift = 2**power
        rolling[shift:] += rolling[:-shift] << np.uint64(shift)
    cuts = np.flatnonzero(rolling >> np.uint64(48) == 0) + 1
    found, start = {}, 0
    while start < len(content):
        there = cuts[np.searchsorted(cuts, start + LEAST_CHUNK) :]
        stop = min(int(there[0]) if len(there) else len(content), start + MOST_CHUNK, len(content))
        found[hashlib.sha256(content[start:stop]).hexdigest()] = stop - start
        start = stop
    return found


class Sent(NamedTuple):
    """Bytes of a grown version: all, those of files that were sent, those of chunks that are new."""

    n_bytes: int
    n_sent: int
    n_new: int


def measured(n_turns: int, new_come_last: bool, keeps_order: bool) -> Sent:
    """Publish a version and then the grown one."""
    n_functions = n_turns // TURNS_A_FUNCTION
    grown = list(range(n_functions))
    new = {n for n in grown if (n >= n_functions * 0.99 if new_come_last else n % 100 == 50)}
    known: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as scratch, LocalHub(Path(scratch) / "hub") as hub:
        before, after = (Path(scratch) / version for version in ("before", "after"))
        for root, functions in ((before, [n for n in grown if n not in new]), (after, grown)):
            n_bytes = made(root, functions)
            if keeps_order and root == after:
                keep_row_order(Folder(after), Folder(before))
            hub.counters.clear()
            command = [sys.executable, "-c", PUBLISH, str(root), "ada/data"]
            subprocess.run(command, env=hub.environment(Path(scratch) / "home"), check=True)
            there = dict(known)
            for file in root.glob("*/*.parquet"):
                known |= chunks(file)
        n_new = sum(known[one] for one in known.keys() - there.keys())
        return Sent(n_bytes, hub.counters.n_uploaded_bytes, n_new)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("turns", type=int, nargs="*", default=[20_000, 200_000])
    table = Table("turns", "new rows", "published", "bytes", "sent", "share", "new chunks", "share")
    for n_turns in parser.parse_args().turns:
        for new_come_last in (True, False):
            for keeps_order in (False, True):
                found = measured(n_turns, new_come_last, keeps_order)
                table.add_row(
                    f"{n_turns:,}",
                    "last" if new_come_last else "among the others",
                    "in the former order" if keeps_order else "as built",
                    decimal(found.n_bytes),
                    *(decimal(found.n_sent), f"{found.n_sent / found.n_bytes:.1%}"),
                    *(decimal(found.n_new), f"{found.n_new / found.n_bytes:.1%}"),
                )
    Console().print(table)


if __name__ == "__main__":
    main()
