"""Workers: many jobs on few workers, lost and closed workers, and systems that allow none."""

import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from builders.execution import Execution, Job, Limits, Sandbox, SandboxUnavailable, WorkerLost
from tests import ROOT
from tests.builders.execution.processes import descendants, is_running, kill, others

LIMITS = Limits(cpu_s=5, wall_s=60, memory_mb=256)


def outputs(runs: list[Execution]) -> list[str | None]:
    return [run.output for run in runs]


def test_many_jobs_come_back_in_order() -> None:
    jobs = [
        Job(f"def f(x):\n sum(range({(7 * i) % 10} * 10_000))\n return {i}", "f", ["0"] * (i % 3))
        for i in range(100)
    ]
    with Sandbox(LIMITS, workers=2) as sandbox:
        assert [outputs(runs) for runs in sandbox.run_many(jobs)] == [[str(i)] * (i % 3) for i in range(100)]


def test_many_jobs_are_read_no_further_than_needed(sandbox: Sandbox) -> None:
    n_read = 0

    def endless() -> Iterator[Job]:
        nonlocal n_read
        while True:
            n_read += 1
            yield Job("def f(x): return x", "f", ["1"])

    runs = sandbox.run_many(endless())
    for _ in range(5):
        next(runs)
    assert n_read < 30
    runs.close()
    assert outputs(sandbox.run(Job("def f(x): return x", "f", ["2"]))) == ["2"]


def test_who_waits_for_a_closed_sandbox_is_told() -> None:
    with Sandbox(LIMITS) as sandbox:
        runs = sandbox.run_many([Job("def f(x): return x", "f", ["1"])] * 100)
        next(runs)
        sandbox.close()
        with pytest.raises(WorkerLost, match="closed"):
            list(runs)
        assert outputs(sandbox.run(Job("def f(x): return x", "f", ["1"]))) == ["1"]


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let Ctrl+C interrupt this process, which ignores it if a shell started it in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interruption_ends_what_runs_and_harms_no_other_thread() -> None:
    endless, quick = "def f(x):\n while True: pass", "def f(x): return x"
    jobs = [Job(quick + f"+{i} + sum(range(200_000)) * 0", "f", ["1"]) for i in range(40)]
    results: list[str | None] = []
    with Sandbox(Limits(cpu_s=60, wall_s=60, memory_mb=256), workers=2) as sandbox:
        sandbox.run(Job(quick, "f", ["1"]))
        other = threading.Thread(target=lambda: results.extend(r[0].output for r in sandbox.run_many(jobs)))
        stop = threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT))
        other.start()
        stop.start()
        with pytest.raises(KeyboardInterrupt):
            sandbox.run(Job(endless, "f", ["1"]))
        began_s = time.monotonic()
        assert outputs(sandbox.run(Job(quick, "f", ["7"]))) == ["7"]
        assert time.monotonic() - began_s < 30  # the endless one had 60 s of CPU time
        other.join()
    assert results == [str(1 + i) for i in range(40)]


def test_large_requests_and_replies_do_not_block_each_other(sandbox: Sandbox) -> None:
    text = json.dumps("x" * 500_000)
    jobs = [Job("def f(x): return x", "f", [text] * 2)] * 12
    assert all(outputs(runs) == [text] * 2 for runs in sandbox.run_many(jobs))


def test_threads_share_a_sandbox(sandbox: Sandbox) -> None:
    results: dict[int, list[str | None]] = {}

    def use(number: int) -> None:
        jobs = [Job(f"def f(x): return [{number}, x]", "f", [str(i)]) for i in range(10)]
        results[number] = [output for runs in sandbox.run_many(jobs) for output in outputs(runs)]

    threads = [threading.Thread(target=use, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: [f"[{number},{i}]" for i in range(10)] for number in range(4)}


def test_a_pickled_sandbox_starts_its_own_workers(sandbox: Sandbox) -> None:
    sandbox.run(Job("def f(x): return x", "f", ["1"]))
    with pickle.loads(pickle.dumps(sandbox)) as copy:
        assert (copy.limits, copy.preload) == (sandbox.limits, sandbox.preload)
        assert outputs(copy.run(Job("def f(x): return x", "f", ["1"]))) == ["1"]


def test_a_forked_process_has_workers_of_its_own() -> None:
    program = """
import os
from builders.execution import Job, Limits, Sandbox
job = Job("def f(x): return x", "f", ["1"])
with Sandbox(Limits(5, 60, 256)) as sandbox:
    sandbox.run(job)
    child = os.fork()
    runs = list(sandbox.run_many([job] * 20))
    if not child:
        sandbox.close()
        os._exit(0 if all(run[0].output == "1" for run in runs) else 1)
    status = os.waitpid(child, 0)[1]
    print(status, len(runs), sandbox.run(job)[0].output)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "0 20 1\n", done.stderr


@pytest.mark.parametrize("tier", ["namespaces+landlock+seccomp", "landlock+seccomp"])
def test_nothing_survives_a_killed_host(tier: str) -> None:
    program = f"""
import ctypes, sys
from builders.execution import Job, Limits, Sandbox
with Sandbox(Limits(60, 60, 256), workers=2, tier={tier!r}) as sandbox:
    jobs = [Job("def f(x):\\n while x: pass", "f", ["0", "1"])] * 2
    runs = sandbox.run_many(jobs)
    sandbox.run(Job("def f(x): return 1", "f", ["1"]))
    print("running", flush=True)
    next(runs)
"""
    host = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert host.stdout is not None
    if host.stdout.readline() != "running\n":
        pytest.skip(f"the tier {tier} does not hold here")
    while len(descendants(host.pid)) < 2:
        time.sleep(0.05)
    time.sleep(0.5)
    family = descendants(host.pid)
    host.send_signal(signal.SIGKILL)
    host.wait()
    host.stdout.close()
    end_s = time.monotonic() + 30
    while any(is_running(process) for process in family) and time.monotonic() < end_s:
        time.sleep(0.05)
    assert [process for process in family if is_running(process)] == []


def test_a_lost_worker_is_replaced_and_its_jobs_run_again() -> None:
    jobs = [Job(f"def f(x):\n sum(range(300_000))\n return {i}", "f", ["0"]) for i in range(40)]
    before = descendants(os.getpid())
    with Sandbox(LIMITS) as sandbox:
        answers = []
        for runs in sandbox.run_many(jobs):
            answers.append(runs[0].output)
            if len(answers) == 10:
                for process in others(before):
                    kill(process)
    assert answers == [str(i) for i in range(40)]


def test_a_job_that_costs_worker_after_worker_is_refused() -> None:
    jobs = [
        Job(f"import threading\ndef f(x):\n if {i} == 1: threading.Event().wait()\n return {i}", "f", ["0"])
        for i in range(3)
    ]
    before = descendants(os.getpid())
    with Sandbox(Limits(cpu_s=60, wall_s=120, memory_mb=256)) as sandbox:
        sandbox.run(jobs[0])
        results: list[list[Execution]] = []
        runner = threading.Thread(target=lambda: results.extend(sandbox.run_many(jobs)))
        runner.start()
        for _ in range(4):
            time.sleep(3)  # well into the job that waits
            for process in others(before):
                kill(process)
        runner.join()
    assert [runs[0].output for runs in results] == ["0", None, "2"]
    assert (results[1][0].status, results[1][0].error_type) == ("refused", "died")


def test_an_unknown_tier_is_refused() -> None:
    with pytest.raises(SandboxUnavailable, match="no tier 'hope'"):
        _ = Sandbox(tier="hope").tier


def test_without_a_tier_nothing_runs_and_the_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A layer that no kernel has stands for a system without any layer."""
    from builders.execution import tiers

    monkeypatch.setattr(tiers, "TIERS", {"namespaces": ("namespaces",), "none": ("seccomp",)})
    tiers._self_test.cache_clear()
    try:
        with pytest.raises(SandboxUnavailable, match="the self-test failed at 'hides files'"):
            Sandbox(tier="none").run(Job("def f(x): return x", "f", ["1"]))
    finally:
        tiers._self_test.cache_clear()
