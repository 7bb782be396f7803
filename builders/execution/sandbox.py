"""The sandbox: runs code that nobody has read, and draws inputs from generators.

In: jobs and draws. Out: an Execution for each input, in order. Linux namespaces, Landlock and seccomp, as far
as this machine has them, keep the code from files, network, processes and the host; CPU time, wall time,
memory and output are bounded. Not covered: bugs of the kernel and side channels of the processor.
"""

import os
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, Self

from builders.execution.job import Draw, Execution, Job, Limits
from builders.execution.pool import Pool
from builders.execution.preload import Preload, numpy_version
from builders.execution.replies import executions
from builders.execution.requests import draw_request, job_request
from builders.execution.tickets import Request
from builders.execution.tiers import TIERS, choose


class Sandbox:
    """Runs untrusted code. Pickled or forked it takes its settings along, and starts workers of its own."""

    def __init__(
        self,
        limits: Limits = Limits(),  # noqa: B008 - immutable
        preload: Preload = "auto",
        workers: int = 1,
        tier: str | None = None,
    ) -> None:
        """`workers`: processes of each kind of preload; `tier`: that one or none. Nothing is started yet."""
        self.limits = limits
        self.preload: Preload = preload
        self.workers = workers
        self._asked_tier = tier
        self._pools: dict[int, Pool] = {}  # by process id; without a lock, which a fork might find taken

    @property
    def tier(self) -> str:
        """The isolation in force, e.g. "namespaces+landlock+seccomp"; raises SandboxUnavailable."""
        return choose(self._asked_tier)

    @property
    def numpy_version(self) -> str | None:
        """Version of numpy that the code sees, None without one."""
        return numpy_version()

    def run(self, job: Job) -> list[Execution]:
        """Call on each input of one job."""
        return next(self.run_many([job]))

    def run_many(self, jobs: Iterable[Job]) -> Iterator[list[Execution]]:
        """Run jobs side by side; yields in their order, reading ahead no further than the workers need."""
        return self.answers(job_request(job, self.limits, self.preload) for job in jobs)

    def draw(self, draw: Draw) -> list[Execution]:
        """Draw inputs of one function: an Execution for each draw, with the value as its output."""
        return next(self.draw_many([draw]))

    def draw_many(self, draws: Iterable[Draw]) -> Iterator[list[Execution]]:
        """Draw for many functions side by side; yields in their order."""
        return self.answers(draw_request(draw, self.limits, self.preload) for draw in draws)

    def answers(self, requests: Iterable[Request], n_environments: int = 1) -> Iterator[list[Execution]]:
        """Send requests, `n_environments` of which belong together; yields their executions in order."""
        for n_inputs, reply in self._own_pool().stream(requests, n_environments):
            yield executions(reply, n_inputs)

    def close(self) -> None:
        """End the workers; the sandbox starts new ones when it is used again."""
        pool = self._pools.pop(os.getpid(), None)
        if pool is not None:
            pool.close()

    def _own_pool(self) -> Pool:
        pool = self._pools.get(os.getpid())
        # Of threads that come at once, one sets its pool; the others' have started nothing yet.
        return pool or self._pools.setdefault(os.getpid(), Pool(TIERS[self.tier], self.workers))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_pools": {}}
