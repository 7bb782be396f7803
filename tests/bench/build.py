"""CPU seconds of a whole build: 100 functions, a server that answers at once, every stage after `functions`.

    python -m tests.bench.build [N_FUNCTIONS ...]

Prints one JSON object for each number: CPU seconds of the command with all its processes (sandbox included),
wall-clock seconds, and rows by table. Compare two versions of codeio only on one machine, otherwise idle.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench.zero_latency import zero_latency
from tests.building import GENERATOR

N_FUNCTIONS = 100


def functions(n_functions: int) -> list[dict[str, str]]:
    """Return small functions that also differ in shape, so that none is a near-copy of another."""
    step_line = "    n = n + 1\n"
    return [
        {
            "reference_code": f"def f(n):\n{step_line * (step % 7)}    return n * {step} + {step % 13}\n",
            "entrypoint": "f",
            "input_generator": GENERATOR,
            "query": f"What is {step} times n, and {step % 13} more?",
            "io_description": "n: an integer. Returns an integer.",
            "license": "mit",
        }
        for step in range(1, n_functions + 1)
    ]


def measured(n_functions: int) -> dict[str, Any]:
    """Build once, in a process of its own, and return the figures."""
    with tempfile.TemporaryDirectory(prefix="codeio-bench-") as folder, zero_latency() as url:
        source, out = Path(folder, "functions.jsonl"), Path(folder, "out")
        source.write_text("\n".join(map(json.dumps, functions(n_functions))))
        command = [sys.executable, "-m", "builders", "build", str(source), "--from", "functions"]
        command += ["--out", str(out), "--base-url", url, "--json"]
        began_s = time.monotonic()
        with Path(folder, "figures.json").open("wb") as output, Path(folder, "log").open("wb") as log:
            process = os.posix_spawn(
                sys.executable,
                command,
                os.environ,
                file_actions=[(os.POSIX_SPAWN_DUP2, file.fileno(), n) for n, file in ((1, output), (2, log))],
            )
            _, status, usage = os.wait4(process, 0)
        assert status == 0, Path(folder, "log").read_text()
        rows = json.loads(Path(folder, "figures.json").read_text())["rows"]
        return {
            "functions": n_functions,
            "cpu_s": round(usage.ru_utime + usage.ru_stime, 2),
            "clock_s": round(time.monotonic() - began_s, 2),
            "rows": {config: sum(splits.values()) for config, splits in rows.items()},
        }


if __name__ == "__main__":
    for size in map(int, sys.argv[1:] or [N_FUNCTIONS]):
        print(json.dumps(measured(size)), flush=True)
