"""The sandbox: it runs untrusted code and draws inputs from generators.

In: jobs and draws. Out: an Execution for each input, in order. Linux namespaces, Landlock and seccomp, as far
as this machine has them, keep the code away from files, network, other processes and the host. CPU time, wall
time, memory and output size are limited. Not covered: kernel bugs and side channels of the processor.
"""

import os
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, Self

from builders.execution.job import Draw, Execution, Job, Limits
from builders.execution.pool import Pool
from builders.execution.preload import Preload, numpy_version
from builders.execution.replies import parse_reply
from builders.execution.requests import draw_request, job_request
from builders.execution.tickets import Request
from builders.execution.tiers import TIERS, choose_tier


class Sandbox:
    """A sandbox for untrusted code: isolated worker processes that run jobs and draws.

    Workers start when there is work for them and end with `close` or the `with` block. A copy of a sandbox,
    made by pickling or forking, keeps the settings and starts its own workers. Threads can share a sandbox.

    Args:
        limits: CPU time, wall time and memory of one call.
        preload: Modules that a worker imports before it is isolated: "core", "stdlib", "numpy", "scientific",
            or "auto", which decides by the imports of each job.
        workers: Worker processes for each kind of preload.
        tier: The only isolation tier to accept, a key of `tiers.TIERS`; None for the strongest that passes
            its self-test.

    Example:
        >>> from builders.execution import Job, Sandbox
        >>> with Sandbox() as sandbox:
        ...     executions = sandbox.run(Job("def f(path): return open(path).read()", "f", ['"/etc/passwd"']))
        >>> [(execution.status, execution.output) for execution in executions]
        [('exception', None)]
    """

    def __init__(
        self,
        limits: Limits = Limits(),  # noqa: B008 - immutable
        preload: Preload = "auto",
        workers: int = 1,
        tier: str | None = None,
    ) -> None:
        self.limits = limits
        self.preload: Preload = preload
        self.workers = workers
        self._required_tier = tier
        self._pools: dict[int, Pool] = {}  # by process id; without a lock, which a fork could copy locked

    @property
    def tier(self) -> str:
        """The isolation tier in use, such as "namespaces+landlock+seccomp".

        Raises:
            SandboxUnavailable: No tier, or not the required one, passes its self-test on this machine.
        """
        return choose_tier(self._required_tier)

    @property
    def numpy_version(self) -> str | None:
        """The version of numpy that the code can import, or None if numpy is not installed."""
        return numpy_version()

    def with_limits(self, limits: Limits) -> "Sandbox":
        """Return a sandbox with other limits and the same workers; when one is closed, so is the other.

        Args:
            limits: CPU time, wall time and memory of one call.

        Returns:
            The sandbox that shares the workers.

        Example:
            >>> endless = Job("def f(n):\\n while True: pass", "f", ["1"])
            >>> with Sandbox() as sandbox:
            ...     [execution] = sandbox.with_limits(Limits(cpu_s=0.1)).run(endless)
            >>> execution.status
            'timeout'
        """
        other = Sandbox(limits, self.preload, self.workers, self._required_tier)
        other._pools = self._pools  # a request tells a worker its limits
        return other

    def run(self, job: Job) -> list[Execution]:
        """Run one job: call its function with each input.

        Args:
            job: The code, its entrypoint and the inputs.

        Returns:
            One execution for each input, in the order of the inputs.

        Raises:
            SandboxUnavailable: No isolation tier passes its self-test on this machine.
            WorkerLost: The workers cannot start or fork, or were closed meanwhile.

        Example:
            >>> with Sandbox() as sandbox:
            ...     executions = sandbox.run(Job("def f(n): return 10 / n", "f", ["4", "0"]))
            >>> [(execution.status, execution.output) for execution in executions]
            [('ok', '2.5'), ('exception', None)]
        """
        return next(self.run_many([job]))

    def run_many(self, jobs: Iterable[Job]) -> Iterator[list[Execution]]:
        """Run many jobs in parallel, with as many worker processes as `workers` allows.

        Args:
            jobs: The jobs. They are read lazily, only as far ahead as keeps the workers busy.

        Yields:
            One list of executions for each job, in the order of the jobs.

        Raises:
            SandboxUnavailable: No isolation tier passes its self-test on this machine.
            WorkerLost: The workers cannot start or fork, or were closed meanwhile.

        Example:
            >>> jobs = (Job(f"def f(n): return n ** {power}", "f", ["2", "3"]) for power in (2, 3))
            >>> with Sandbox(workers=2) as sandbox:
            ...     for executions in sandbox.run_many(jobs):
            ...         print([execution.output for execution in executions])
            ['4', '9']
            ['8', '27']
        """
        return self.run_requests(job_request(job, self.limits, self.preload) for job in jobs)

    def draw(self, draw: Draw) -> list[Execution]:
        """Draw inputs for one function from its input generator.

        Args:
            draw: The generator and how many inputs to draw.

        Returns:
            One execution for each draw, in the order of their numbers; `output` is the drawn input.

        Raises:
            SandboxUnavailable: No isolation tier passes its self-test on this machine.
            WorkerLost: The workers cannot start or fork, or were closed meanwhile.

        Example:
            >>> generator = "def input_generator(rng): return {'n': rng.randint(1, 6)}"
            >>> with Sandbox() as sandbox:
            ...     [execution.output for execution in sandbox.draw(Draw("", generator, count=3))]
            ['{"n":2}', '{"n":4}', '{"n":4}']
        """
        return next(self.draw_many([draw]))

    def draw_many(self, draws: Iterable[Draw]) -> Iterator[list[Execution]]:
        """Draw inputs for many functions in parallel.

        Args:
            draws: One draw for each function, read lazily.

        Yields:
            One list of executions for each draw, in the order of the draws.

        Raises:
            SandboxUnavailable: No isolation tier passes its self-test on this machine.
            WorkerLost: The workers cannot start or fork, or were closed meanwhile.

        Example:
            >>> generator = "def input_generator(): return {'size': SIZE}"
            >>> draws = (Draw(f"SIZE = {size}", generator, count=2) for size in (3, 4))
            >>> with Sandbox() as sandbox:
            ...     for executions in sandbox.draw_many(draws):
            ...         print([execution.output for execution in executions])
            ['{"size":3}', '{"size":3}']
            ['{"size":4}', '{"size":4}']
        """
        return self.run_requests(draw_request(draw, self.limits, self.preload) for draw in draws)

    def run_requests(self, requests: Iterable[Request], n_environments: int = 1) -> Iterator[list[Execution]]:
        """Yield the executions of each request, in order.

        `n_environments` is the number of environments among which the requests alternate.
        """
        for n_inputs, reply in self._pool_of_this_process().stream(requests, n_environments):
            yield parse_reply(reply, n_inputs)

    def close(self) -> None:
        """End the workers of this process; the sandbox starts new ones if it is used again.

        Example:
            >>> sandbox = Sandbox()
            >>> sandbox.run(Job("def f(n): return n", "f", ["1"]))[0].output
            '1'
            >>> sandbox.close()
        """
        pool = self._pools.pop(os.getpid(), None)
        if pool is not None:
            pool.close()

    def _pool_of_this_process(self) -> Pool:
        pool = self._pools.get(os.getpid())
        # If several threads create a pool at the same time, one is kept; the others have started no process.
        return pool or self._pools.setdefault(os.getpid(), Pool(TIERS[self.tier], self.workers))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_pools": {}}
