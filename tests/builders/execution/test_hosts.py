"""The sandbox in the places where people run it: a map with several processes, a Ray actor, a notebook."""

import os
import queue
import time
from collections.abc import Iterator
from typing import Any

import pytest
from datasets import Dataset
from jupyter_client import BlockingKernelClient, KernelManager

from builders.execution import Job, Limits, Prover, Sandbox
from tests.builders.execution.processes import descendants, is_running, others

LIMITS = Limits(cpu_s=5, wall_s=60, memory_mb=256)
CODE = "def f(x):\n if x % 7 == 0: raise ValueError(x)\n return [x * x]\n"


def test_a_map_in_two_processes_gives_the_same_rows_and_files() -> None:
    numbers, before = Dataset.from_dict({"x": list(range(40))}), descendants(os.getpid())
    with Prover(LIMITS) as prover:

        def proven(rows: dict[str, list[int]]) -> dict[str, list[str]]:
            proofs = prover.prove_many(Job(CODE, "f", [str(x)]) for x in rows["x"])
            runs = [proof.execution for [proof] in proofs]
            return {"output": [str(run.output or run.error_type) for run in runs]}

        by_one = numbers.map(proven, batched=True, batch_size=16, keep_in_memory=True)
        by_two = numbers.map(proven, batched=True, batch_size=5, num_proc=2, load_from_cache_file=False)
        assert by_one["output"][:8] == ["ValueError", *(f"[{x * x}]" for x in range(1, 7)), "ValueError"]
        assert by_two.to_list() == by_one.to_list()
    end_s = time.monotonic() + 30
    while any(map(is_running, others(before))) and time.monotonic() < end_s:
        time.sleep(0.05)  # the processes of the map have ended, and their workers end soon after
    assert list(filter(is_running, others(before))) == []


def test_a_ray_actor_holds_a_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")  # sends nothing to Ray's developers
    ray = pytest.importorskip("ray", reason="Ray has no release for this Python")

    class Runner:
        def __init__(self, sandbox: Sandbox) -> None:
            self.sandbox = sandbox

        def squares(self, numbers: list[int]) -> list[Any]:
            [runs] = self.sandbox.run_many([Job(CODE, "f", [str(x) for x in numbers])])
            return [run.output for run in runs]

    small = {"num_cpus": 2, "object_store_memory": 80 * 2**20, "include_dashboard": False}
    ray.init(**small, configure_logging=False, log_to_driver=False)
    try:
        actors = [ray.remote(Runner).remote(Sandbox(LIMITS)) for _ in range(2)]
        waiting = [actor.squares.remote([3, 7, number]) for number, actor in enumerate(actors * 3, 1)]
        assert ray.get(waiting, timeout=240) == [["[9]", None, f"[{x * x}]"] for x in range(1, 7)]
    finally:
        ray.shutdown()


@pytest.fixture(scope="module")
def notebook() -> Iterator[tuple[KernelManager, BlockingKernelClient]]:
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel()
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=120)
        yield manager, client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def run_cell(client: BlockingKernelClient, code: str) -> list[str]:
    """Run a cell; return what it prints, or the name of its exception."""
    printed: list[str] = []

    def listen(message: dict[str, Any]) -> None:
        content = message["content"]
        if message["msg_type"] == "stream":
            printed.append(content["text"])
        elif message["msg_type"] == "error":
            printed.append(content["ename"])

    client.execute_interactive(code, timeout=120, output_hook=listen)
    return printed


def test_a_notebook_runs_jobs_is_interrupted_and_goes_on(notebook: Any) -> None:
    """A notebook's kernel runs an event loop, and "stop" raises KeyboardInterrupt anywhere in our code."""
    manager, client = notebook
    prepare = f"""
from builders.execution import Job, Limits, Sandbox
sandbox = Sandbox(Limits(60, 60, 256))
def squares(*numbers): return [run.output for run in sandbox.run(Job({CODE!r}, "f", list(map(str, numbers))))]
print(squares(3, 7, 4))
"""
    assert "".join(run_cell(client, prepare)) == "['[9]', None, '[16]']\n"
    endless = """
sandbox.run(Job("def f(x): return x", "f", ["1"]))
print("begun", flush=True)
sandbox.run(Job("def f(x):\\n while True: pass", "f", ["1"]))
"""
    client.execute(endless, stop_on_error=False)  # otherwise the kernel drops the next cell
    printed = ""
    while "KeyboardInterrupt" not in printed:
        try:
            message = client.get_iopub_msg(timeout=60)
        except queue.Empty:
            pytest.fail(f"the cell was not interrupted; it printed {printed!r}")
        printed += message["content"].get("text", "") + message["content"].get("ename", "")
        if message["msg_type"] == "stream":
            manager.interrupt_kernel()
    assert "".join(run_cell(client, "print(squares(5))")) == "['[25]']\n"
    assert "".join(run_cell(client, "sandbox.close()\nprint(squares(6))")) == "['[36]']\n"
