"""Load, killed workers and long use change no verdict, lose no result and leave nothing behind."""

import contextlib
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from builders.execution import Job, Limits, Sandbox
from tests.bench import endurance
from tests.builders.execution.processes import descendants, kill, others

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
    with busy_machine(N_BUSY), Sandbox(Limits(cpu_s=0.2, wall_s=120, memory_mb=256), workers=2) as sandbox:
        for runs in sandbox.run_many([job] * 3):
            assert [(run.status, run.error_type) for run in runs] == list(endurance.OUTCOMES.values())


def test_killed_workers_lose_and_repeat_nothing() -> None:
    jobs = [Job(f"def f(x):\n sum(range(200_000))\n return [{i}, x]", "f", ["1", "2"]) for i in range(200)]
    outputs, rng, before = [], random.Random(0), descendants(os.getpid())
    with Sandbox(Limits(cpu_s=5, wall_s=120, memory_mb=256), workers=2) as sandbox:
        for number, runs in enumerate(sandbox.run_many(jobs)):
            outputs.append([run.output for run in runs])
            if number % 10 == 5:
                kill(rng.choice(others(before)))  # a zygote, the process that waits for it, or a job
    assert outputs == [[f"[{i},1]", f"[{i},2]"] for i in range(200)]
    assert others(before) == []


def test_long_use_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`make endurance` does 100,000 runs. Other tests may write to the usual temporary folder meanwhile."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left = endurance.run(1_000)
    assert left[:3] == (0, 0, 0)
    assert left.host_grew_kb < 2_000
    assert left.worker_grew_kb < 500
    assert left.wrong == 0
