"""Load, killed workers and long use: no verdict changes, nothing is lost, nothing is left."""

import contextlib
import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator

from builders.execution import Job, Limits, Sandbox
from tests.bench import endurance
from tests.execution.processes import descendants, kill

N_BUSY = 8


@contextlib.contextmanager
def busy_machine(n: int) -> Iterator[None]:
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(n)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_load_changes_no_verdict() -> None:
    job = Job(endurance.CODE, "f", [f'"{kind}"' for kind in endurance.OUTCOMES])
    with busy_machine(N_BUSY), Sandbox(Limits(cpu_s=0.5, wall_s=120, memory_mb=256), workers=2) as sandbox:
        for runs in sandbox.run_many([job] * 3):
            assert [(run.status, run.error_type) for run in runs] == list(endurance.OUTCOMES.values())


def test_killed_workers_lose_and_repeat_nothing() -> None:
    jobs = [Job(f"def f(x):\n sum(range(200_000))\n return [{i}, x]", "f", ["1", "2"]) for i in range(400)]
    chance, n_killed, is_over = random.Random(0), 0, threading.Event()

    def kill_some() -> None:
        nonlocal n_killed
        while not is_over.wait(chance.uniform(0.1, 0.5)):
            if found := descendants(os.getpid()):
                kill(chance.choice(found))  # a zygote, what waits for it, or a job
                n_killed += 1

    with Sandbox(Limits(cpu_s=5, wall_s=120, memory_mb=256), workers=2) as sandbox:
        killer = threading.Thread(target=kill_some)
        killer.start()
        try:
            got = [[run.output for run in runs] for runs in sandbox.run_many(jobs)]
        finally:
            is_over.set()
            killer.join()
    assert got == [[f"[{i},1]", f"[{i},2]"] for i in range(400)]
    assert n_killed >= 5
    assert descendants(os.getpid()) == []


def test_long_use_leaves_nothing() -> None:
    """`make endurance` does 100,000 runs."""
    left = endurance.run(2_000)
    assert left[:3] == (0, 0, 0)
    assert left.host_grew_kb < 2_000
    assert left.worker_grew_kb < 500
    assert left.wrong == 0
