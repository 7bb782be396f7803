"""The proof that an output follows from its input alone: the same call in different environments.

In: a job. Out: a Proof for each input. The first of `environments.ENVIRONMENTS` runs each call in a new
module. The others differ in what should not matter: they use processes with a different hash seed, clock,
settings, addresses and ids; they seed `random` and numpy differently; they take the inputs in reverse order;
and they keep one module for all inputs, in which a call was made before the first one. If runs disagree, the
job runs again with one of these differences at a time, so that the proof can name the cause. For one function
in `SPOT_CHECK`, chosen by its text, each input also runs in its own process.

Code that asks numpy for "now" or "today" is never proven, because numpy reads the real clock. Such code is
recognised by these words, in the code or the input. Not covered: other ways to ask for numpy's clock,
agreement by chance, and what is the same in every environment (the libraries, the machine, and without
namespaces its name too).
"""

import hashlib
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from builders.execution.inside.environments import (
    CAUSE_TEXTS,
    CHANCE,
    ENVIRONMENTS,
    Environment,
    single_differences,
)
from builders.execution.job import Execution, Job, Limits
from builders.execution.preload import Preload
from builders.execution.requests import job_request
from builders.execution.sandbox import Sandbox

SPOT_CHECK = 50
"""For one function in this many, each input also runs in its own process."""
_SHOWN_CHARS = 120
_NUMPY_DATE = re.compile(r"datetime64|M8")
_NUMPY_CLOCK = re.compile(r"""(["'])(?:now|today)\1""", re.IGNORECASE)
_Trial = tuple[Job, Environment]


@dataclass(frozen=True)
class Proof:
    """The result of running one call in every environment.

    Attributes:
        execution: The execution in the first environment. If an environment ran out of time or memory, the
            execution there; `agrees` is then True, because a run close to a limit may exceed it by chance.
        agrees: Whether all environments gave the same outcome.
        detail: What the outcome depends on and two outcomes that differ; "" if `agrees` is True or if no
            causes were asked for.

    Example:
        >>> from builders.execution import Job, Prover
        >>> with Prover() as prover:
        ...     [proof] = prover.prove(Job("import time\\ndef f(n): return time.time() > 1.71e9", "f", ["1"]))
        >>> proof.agrees, proof.detail
        (False, 'depends on the clock: one run gives false, another true')
    """

    execution: Execution
    agrees: bool
    detail: str = ""


class Prover:
    """A prover of outputs: it runs each job in several environments and compares what comes out.

    A copy of a prover, made by pickling or forking, keeps the settings and starts its own workers.

    Args:
        limits: CPU time, wall time and memory of one call.
        preload: Modules that a worker imports before it is isolated, as for Sandbox.
        workers: Worker processes for each kind of preload in each of the three environments.
        tier: The only isolation tier to accept; None for the strongest that passes its self-test.

    Example:
        >>> from builders.execution import Job, Prover
        >>> with Prover() as prover:
        ...     [proof] = prover.prove(Job("def f(n): return sorted({'b', 'a', n})", "f", ['"c"']))
        >>> proof.agrees, proof.execution.output
        (True, '["a","b","c"]')
    """

    def __init__(
        self,
        limits: Limits = Limits(),  # noqa: B008 - immutable
        preload: Preload = "auto",
        workers: int = 1,
        tier: str | None = None,
    ) -> None:
        self._sandbox = Sandbox(limits, preload, workers, tier)

    @classmethod
    def sharing(cls, sandbox: Sandbox) -> Self:
        """Return a prover with the limits and the workers of a sandbox; when one is closed, so is the other.

        Args:
            sandbox: The sandbox, which may go on to run jobs of its own.

        Returns:
            The prover.

        Example:
            >>> job = Job("def f(n): return n + 1", "f", ["1"])
            >>> with Sandbox() as sandbox:
            ...     [run], [proof] = sandbox.run(job), Prover.sharing(sandbox).prove(job)
            >>> run.output == proof.execution.output, proof.agrees
            (True, True)
        """
        prover = cls(sandbox.limits, sandbox.preload, sandbox.workers)
        prover._sandbox = sandbox
        return prover

    @property
    def tier(self) -> str:
        """The isolation tier in use, such as "namespaces+landlock+seccomp".

        Raises:
            SandboxUnavailable: No tier, or not the required one, passes its self-test on this machine.
        """
        return self._sandbox.tier

    @property
    def numpy_version(self) -> str | None:
        """The version of numpy that the code can import, or None if numpy is not installed."""
        return self._sandbox.numpy_version

    def prove(self, job: Job) -> list[Proof]:
        """Prove one job: run each of its calls in every environment.

        Args:
            job: The code, its entrypoint and the inputs.

        Returns:
            One proof for each input, in the order of the inputs.

        Raises:
            SandboxUnavailable: No isolation tier passes its self-test on this machine.
            WorkerLost: The workers cannot start or fork, or were closed meanwhile.

        Example:
            >>> code = "import os\\ndef f(n): return n if n < 9 else os.getcwd()"
            >>> with Prover() as prover:
            ...     proofs = prover.prove(Job(code, "f", ["7", "9"]))
            >>> [(proof.agrees, proof.detail.partition(":")[0]) for proof in proofs]
            [(True, ''), (False, 'depends on environment variables, locale, time zone or folder')]
        """
        return next(self.prove_many([job]))

    def prove_many(self, jobs: Iterable[Job], with_causes: bool = True) -> Iterator[list[Proof]]:
        """Prove many jobs in parallel.

        Args:
            jobs: The jobs. They are read lazily, only as far ahead as keeps the workers busy.
            with_causes: Whether the proofs say what an outcome depends on. If not, their `detail` is "", and
                a job with an unproven output costs no further runs.

        Yields:
            One list of proofs for each job, in the order of the jobs.

        Raises:
            SandboxUnavailable: No isolation tier passes its self-test on this machine.
            WorkerLost: The workers cannot start or fork, or were closed meanwhile.

        Example:
            >>> jobs = [Job(f"def f(n): return {body}", "f", ["1"]) for body in ("n + 1", "hash('n')")]
            >>> with Prover() as prover:
            ...     for [proof] in prover.prove_many(jobs):
            ...         print(proof.agrees, proof.detail.partition(":")[0])
            True
            False depends on the order of sets and hashes
        """
        sent_jobs, answered_jobs = itertools.tee(jobs)
        sandbox = self._sandbox
        results = _run_trials(
            sandbox, (trial for job in sent_jobs for trial in (*_trials(job), *_spot_check_trials(job)))
        )
        # The environments that name a cause are rarely needed, so their workers end with this call.
        with Sandbox(sandbox.limits, sandbox.preload, tier=sandbox.tier) as cause_sandbox:
            for job in answered_jobs:
                first, *others = [next(results) for _ in _trials(job)]
                apart = [run for _ in _spot_check_trials(job) for run in next(results)] or first
                proofs = [_proof(*outcomes) for outcomes in zip(first, *others, apart, strict=True)]
                if not with_causes:
                    proofs = [replace(proof, detail="") for proof in proofs]
                elif not all(proof.agrees for proof in proofs):
                    proofs = _with_causes(cause_sandbox, job, proofs, others)
                yield [
                    Proof(proof.execution, False, "numpy tells the real time")
                    if _may_read_numpy_clock(job, text)
                    else proof
                    for text, proof in zip(job.inputs, proofs, strict=True)
                ]

    def close(self) -> None:
        """End the workers of this process; the prover starts new ones if it is used again.

        Example:
            >>> prover = Prover()
            >>> prover.prove(Job("def f(n): return n", "f", ["1"]))[0].agrees
            True
            >>> prover.close()
        """
        self._sandbox.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _may_read_numpy_clock(job: Job, text: str) -> bool:
    """Return whether the code may read the real time from numpy for this input."""
    return bool(_NUMPY_DATE.search(job.code) and _NUMPY_CLOCK.search(f"{job.code}\n{text}"))


def _trials(job: Job) -> list[_Trial]:
    return [(job, environment) for environment in ENVIRONMENTS]


def _spot_check_trials(job: Job) -> list[_Trial]:
    """Return the trial that runs each input in its own process, if the function is one of those chosen."""
    chosen = int(hashlib.sha256(job.code.encode("utf-8", "surrogatepass")).hexdigest(), 16) % SPOT_CHECK == 0
    return [(replace(job, apart=True), ENVIRONMENTS[0])] if chosen and not job.apart else []


def _run_trials(sandbox: Sandbox, trials: Iterable[_Trial]) -> Iterator[list[Execution]]:
    """Yield the executions of each job in its environment, in the order of the job's inputs."""
    sent, answered = itertools.tee(trials)
    requests = (job_request(job, sandbox.limits, sandbox.preload, environment) for job, environment in sent)
    results = sandbox.run_requests(requests, len(ENVIRONMENTS))
    for executions, (_, environment) in zip(results, answered, strict=True):
        yield executions[::-1] if environment.history else executions


def _with_causes(
    sandbox: Sandbox, job: Job, proofs: list[Proof], others: list[list[Execution]]
) -> list[Proof]:
    """Return the proofs with the causes of disagreement in their details.

    The job runs again in the first environment, with one difference at a time taken from one that disagreed.
    """
    explained = list(proofs)
    for environment, runs in zip(ENVIRONMENTS[1:], others, strict=True):
        doubtful = [
            index
            for index, (proof, run) in enumerate(zip(proofs, runs, strict=True))
            if explained[index] is proof and not proof.agrees and _differ(proof.execution, run)
        ]
        if not doubtful:
            continue
        changes = list(single_differences(environment))
        trials = list(_run_trials(sandbox, ((job, changed) for _, changed in changes)))
        for index in doubtful:
            first = proofs[index].execution
            causes = [
                words
                for (words, _), trial in zip(changes, trials, strict=True)
                if _differ(first, trial[index])
            ]
            explained[index] = replace(proofs[index], detail=_detail(causes, first, runs[index]))
    return explained


def _proof(first: Execution, *others: Execution) -> Proof:
    for run in (first, *others):
        if _hit_limit(run):  # staying just below it elsewhere would not be a sign of chance
            return Proof(run, True)
    for other in others:
        if _differ(first, other):
            return Proof(first, False, _detail([CAUSE_TEXTS["history"]], first, other))
    return Proof(first, True)


def _hit_limit(run: Execution) -> bool:
    return run.status in ("timeout", "memory")


def _differ(run: Execution, other: Execution) -> bool:
    return not _hit_limit(other) and _compared_fields(run) != _compared_fields(other)


def _compared_fields(execution: Execution) -> tuple[str, str | None, str | None]:
    error_type = execution.error_type if execution.status == "exception" else None
    return execution.status, execution.output, error_type


def _detail(causes: list[str], run: Execution, other: Execution) -> str:
    """Return what the outcome depends on, and two outcomes that differ, unless these change in every run."""
    if CHANCE in causes:  # every run has its own process, so no other cause can be found
        return f"depends on {CHANCE}"
    depends = f"depends on {', '.join(causes) or 'several things together'}"
    return f"{depends}: one run gives {_outcome_text(run)}, another {_outcome_text(other)}"


def _outcome_text(execution: Execution) -> str:
    if execution.output is None:
        return ": ".join(filter(None, (execution.status, execution.error_type)))
    text = execution.output
    return text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + " …"
