"""Leftovers of many sandbox runs: `make endurance` makes 100,000 runs, which takes minutes.

Every outcome except the slow ones occurs, five in each job. Prints one line: what remains, and what grew.
"""

import os
import sys
import tempfile
from typing import NamedTuple

from tqdm import tqdm

from builders.execution import Job, Limits, Sandbox
from tests.builders.execution.processes import descendants, n_descriptors, others, resident_kb

CODE = """
import os, time
def spin(cpu_s):
    began = os.times()
    while sum(os.times()[:2]) - sum(began[:2]) < cpu_s: sum(range(1000))
def f(kind):
    if kind == "long": spin(0.1)
    if kind == "endless": spin(60)
    if kind == "waits": time.sleep(10)
    if kind == "large": return len(bytearray(1 << 31))
    if kind == "raises": raise KeyError(kind)
    if kind == "dies": os._exit(3)
    if kind == "no json": return {1, 2}
    return kind
"""
OUTCOMES = {
    "long": ("ok", None),
    "endless": ("timeout", None),
    "waits": ("ok", None),
    "large": ("memory", "MemoryError"),
    "raises": ("exception", "KeyError"),
    "dies": ("refused", "died"),
    "no json": ("refused", "not_json:type"),
}
QUICK = list(OUTCOMES)[2:]


class Leftovers(NamedTuple):
    """What remains after the runs, beyond what there was before, and growth in kB after a tenth of them."""

    processes: int
    descriptors: int
    files: int
    host_grew_kb: int
    worker_grew_kb: int
    wrong: int


def run(n_runs: int, workers: int = 2) -> Leftovers:
    """Make this number of runs, five inputs in a job, and count what is left."""
    job = Job(CODE, "f", [f'"{kind}"' for kind in QUICK])
    n_jobs = n_runs // len(QUICK)
    wrong, early = 0, {}
    assert Sandbox().tier  # makes the self-test, which has a folder of its own, run before the counts
    before = descendants(os.getpid())
    descriptors, files = n_descriptors(), len(os.listdir(tempfile.gettempdir()))
    with Sandbox(Limits(cpu_s=1, wall_s=120, memory_mb=256), workers=workers) as sandbox:
        runs = sandbox.run_many([job] * n_jobs)
        for number, executions in enumerate(tqdm(runs, total=n_jobs, unit="job", disable=None)):
            outcomes = [(execution.status, execution.error_type) for execution in executions]
            wrong += outcomes != [OUTCOMES[kind] for kind in QUICK]
            if number == n_jobs // 10:
                early = _resident_kb()
        late = _resident_kb()
    grew_kb = {process: late[process] - early[process] for process in late.keys() & early.keys()}
    host_grew_kb = grew_kb.pop(os.getpid())
    return Leftovers(
        len(others(before)),
        n_descriptors() - descriptors,
        len(os.listdir(tempfile.gettempdir())) - files,
        host_grew_kb,
        max(grew_kb.values()),
        wrong,
    )


def _resident_kb() -> dict[int, int]:
    return {process: resident_kb(process) for process in (os.getpid(), *descendants(os.getpid()))}


if __name__ == "__main__":
    n_runs = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    print(f"after {n_runs:,} runs in {Sandbox().tier}: {run(n_runs)}")
