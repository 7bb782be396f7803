"""The pool if workers die before a job runs, if the system has no process left, and if threads share it."""

import itertools
import subprocess
import threading
import time
from typing import Any

import pytest

from builders.execution import Job, Limits, Sandbox, WorkerLost, interpreter, pool, tickets
from builders.execution.link import Link
from tests.builders.execution.boots import boot_with
from tests.builders.execution.processes import n_descriptors

LIMITS = Limits(cpu_s=5, wall_s=60, memory_mb=256)


def start_with(monkeypatch: pytest.MonkeyPatch, lines: str, n_zygotes: int) -> None:
    """Let the next zygotes run some lines before they start to serve."""
    assert Sandbox().tier  # the self-test is over
    boots = itertools.chain([boot_with(lines)] * n_zygotes, itertools.repeat(interpreter._BOOT))
    original_command = interpreter.command

    def command(*arguments: Any) -> list[str]:
        boot = next(boots)
        return [boot if text == interpreter._BOOT else text for text in original_command(*arguments)]

    monkeypatch.setattr(interpreter, "command", command)


FORK_FAILS = """
from builders.execution.inside import watch
class Os:
    left = {n}
    def __getattr__(self, name): return getattr(os, name)
    def fork(self):
        self.left -= 1
        if self.left >= 0: raise BlockingIOError(11, "Resource temporarily unavailable")
        return os.fork()
watch.os = Os()
watch._FORK_S = 0.2
"""
DIES = """
from builders.execution.inside import zygote
zygote._ForkServer.serve = lambda *request: os._exit(1)
"""


@pytest.mark.parametrize(
    ("lines", "n_zygotes"), [(FORK_FAILS.format(n=2), 1), (FORK_FAILS.format(n=20), 1), (DIES, 3)]
)
def test_a_job_that_was_not_run_is_sent_again(
    monkeypatch: pytest.MonkeyPatch, lines: str, n_zygotes: int
) -> None:
    start_with(monkeypatch, lines, n_zygotes)
    jobs = [Job(f"def f(x): return {i}", "f", ["1"]) for i in range(4)]
    with Sandbox(LIMITS) as sandbox:
        assert [run.output for [run] in sandbox.run_many(jobs)] == ["0", "1", "2", "3"]


def test_a_lasting_shortage_of_processes_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tickets, "_MAX_NOT_STARTED", 3)
    start_with(monkeypatch, FORK_FAILS.format(n=10**6), 1)
    with Sandbox(LIMITS) as sandbox, pytest.raises(WorkerLost, match="can start no process"):
        sandbox.run(Job("def f(x): return x", "f", ["1"]))


def test_more_zygotes_are_started_only_for_work_that_lasts() -> None:
    """A start costs more CPU time than a few short jobs."""

    def n_zygotes() -> int:
        return sum(map(len, sandbox._pool_of_this_process()._zygotes.values()))

    with Sandbox(LIMITS, workers=3) as sandbox:
        list(sandbox.run_many([Job("def f(x): return x", "f", ["1"])] * 4))
        assert n_zygotes() == 1
        list(sandbox.run_many([Job("def f(x): return x", "f", ["1"] * 300, apart=True)] * 3))
        assert n_zygotes() == 3


def test_threads_that_come_at_once_share_one_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    class SlowPool(pool.Pool):
        def __init__(self, *arguments: Any) -> None:
            time.sleep(0.1)
            super().__init__(*arguments)

    monkeypatch.setattr("builders.execution.sandbox.Pool", SlowPool)
    with Sandbox(LIMITS) as sandbox:
        assert sandbox.tier
        pools: list[pool.Pool] = []
        threads = [
            threading.Thread(target=lambda: pools.append(sandbox._pool_of_this_process())) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len({id(shared_pool) for shared_pool in pools}) == 1


DIES_AT_ONCE = "os._exit(1)\n"


def test_workers_that_die_while_they_start_are_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    start_with(monkeypatch, DIES_AT_ONCE, 3)
    with Sandbox(LIMITS) as sandbox:
        [run] = sandbox.run(Job("def f(x): return x", "f", ["1"]))
    assert run.output == "1"


@pytest.mark.parametrize(
    ("lines", "n_starts", "message"),
    [(DIES_AT_ONCE, 5, "ended without a message"), ("raise OSError('no room')\n", 1, "no room")],
)
def test_workers_that_never_start_are_told(
    monkeypatch: pytest.MonkeyPatch, lines: str, n_starts: int, message: str
) -> None:
    """If a worker reports a reason, no second one is started: it would report the same."""
    refuse = f"import builders.execution.inside.zygote as z\ndef refuse(_): {lines}z._prepare = refuse\n"
    start_with(monkeypatch, refuse, 10**6)
    links: list[pool.Link] = []
    monkeypatch.setattr(pool, "Link", lambda *arguments: links.append(link := Link(*arguments)) or link)
    with Sandbox(LIMITS) as sandbox:
        for n_runs, n_bytes in ((1, 0), (2, 2**20)):  # the second request does not fit into the pipe
            with pytest.raises(WorkerLost, match=message):
                sandbox.run(Job(f"def f(x): return x  # {'x' * n_bytes}", "f", ["1"]))
            assert len(links) == n_starts * n_runs


def test_an_interrupted_start_leaves_no_descriptor(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    job = Job("def f(x): return x", "f", ["1"])
    with Sandbox(LIMITS) as sandbox:
        assert sandbox.tier
        before = n_descriptors()
        with monkeypatch.context() as patched:
            patched.setattr(subprocess, "Popen", interrupted)
            with pytest.raises(KeyboardInterrupt):
                sandbox.run(job)
        assert n_descriptors() == before
        assert sandbox.run(job)[0].output == "1"
