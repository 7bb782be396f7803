"""What a grown version sends again: `python -m tests.bench.growth 200000`.

A version with so many turns, and the tasks they answer, is published to the local Hub by the real client;
then one with one function in a hundred more, whose rows come last (a source that goes on) or stand among the
others (a folder with new files in it). Told are the bytes of all files, and of those that were sent.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from datasets import Dataset
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from builders.folder import Folder
from builders.schema import TABLES
from tests.bench.changes import TEXT, name
from tests.local_hub import LocalHub

TURNS_A_FUNCTION = 12
PUBLISH = """
import sys
from pathlib import Path
from hub.publish import Target, publish
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
        columns: dict[str, list[Any]] = {column: [] for column in TABLES[config]}
        for row in rows(iter(functions)):
            for column, values in columns.items():
                values.append(row.get(column))
        folder.write(config, {"train": Dataset.from_dict(columns, features=TABLES[config])})
    return sum(file.stat().st_size for config in ("turns", "tasks") for file in folder.files(config))


def measured(n_turns: int, new_come_last: bool) -> tuple[int, int]:
    """Bytes of the grown version, and those that were sent for it."""
    n_functions = n_turns // TURNS_A_FUNCTION
    grown = list(range(n_functions))
    new = {n for n in grown if (n >= n_functions * 0.99 if new_come_last else n % 100 == 50)}
    with tempfile.TemporaryDirectory() as scratch, LocalHub(Path(scratch) / "hub") as hub:
        for version, functions in enumerate(([n for n in grown if n not in new], grown)):
            n_bytes = made(Path(scratch) / str(version), functions)
            hub.counters.clear()
            command = [sys.executable, "-c", PUBLISH, f"{scratch}/{version}", "ada/data"]
            subprocess.run(command, env=hub.environment(Path(scratch) / "home"), check=True)
        return n_bytes, hub.counters.n_uploaded_bytes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("turns", type=int, nargs="*", default=[20_000, 200_000])
    table = Table("turns", "new rows", "bytes", "sent", "share")
    for n_turns in parser.parse_args().turns:
        for new_come_last in (True, False):
            n_bytes, sent = measured(n_turns, new_come_last)
            where = "last" if new_come_last else "among the others"
            table.add_row(f"{n_turns:,}", where, decimal(n_bytes), decimal(sent), f"{sent / n_bytes:.1%}")
    Console().print(table)


if __name__ == "__main__":
    main()
