"""Proof that an output follows from its input: the same call in different environments.

In: a job. Out: a Proof for each input. The first of `environments.ENVIRONMENTS` calls each input on a fresh
module. The others do so in processes with another hash seed, clock, settings, addresses and ids, seed
`random` and numpy otherwise, take the inputs in reverse, and keep one module for all of them, in which a call
has been made before the first. What depends on any of this disagrees, and is run again with one of these
differences at a time, so that the proof can name it. Of one function in `SPOT_CHECK`, chosen by its text,
each input is run in a process of its own besides.

Code that asks numpy for "now" or "today" is never proven, for numpy reads the real clock: it is known by
these words, in the code or the input. Not covered: numpy's clock asked in other words, chance agreement, and
what is the same in every environment (the libraries, the machine; without namespaces, its name too).
"""

import hashlib
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from builders.execution.inside.environments import CHANCE, ENVIRONMENTS, SURROUNDINGS, Environment, between
from builders.execution.job import Execution, Job, Limits
from builders.execution.preload import Preload
from builders.execution.requests import job_request
from builders.execution.sandbox import Sandbox

SPOT_CHECK = 50
"""Of one function in so many, no input shares a process with another."""
_SHOWN_CHARS = 120
_NUMPY_DATE = re.compile(r"datetime64|M8")
_NUMPY_CLOCK = re.compile(r"""(["'])(?:now|today)\1""", re.IGNORECASE)
_Trial = tuple[Job, Environment]


@dataclass(frozen=True)
class Proof:
    """The execution in environment 0, whether the other ones agree, and what differed when they do not.

    Where an environment is out of time or memory, `execution` is the one that was, and nothing is said to
    disagree.
    """

    execution: Execution
    agrees: bool
    detail: str = ""


class Prover:
    """Runs each job in every environment. Pickled or forked like a Sandbox."""

    def __init__(
        self,
        limits: Limits = Limits(),  # noqa: B008 - immutable
        preload: Preload = "auto",
        workers: int = 1,
        tier: str | None = None,
    ) -> None:
        """`workers`: processes of each kind of preload in each environment."""
        self._sandbox = Sandbox(limits, preload, workers, tier)

    @property
    def tier(self) -> str:
        """The isolation in force; raises SandboxUnavailable."""
        return self._sandbox.tier

    @property
    def numpy_version(self) -> str | None:
        """Version of numpy that the code sees, None without one."""
        return self._sandbox.numpy_version

    def prove(self, job: Job) -> list[Proof]:
        """Prove each input of one job."""
        return next(self.prove_many([job]))

    def prove_many(self, jobs: Iterable[Job]) -> Iterator[list[Proof]]:
        """Prove jobs side by side; yields in their order."""
        asked, answered = itertools.tee(jobs)
        box = self._sandbox
        runs = _runs(box, (trial for job in asked for trial in (*_trials(job), *_spot_check(job))))
        # Workers for environments that are seldom needed: they end with this call.
        with Sandbox(box.limits, box.preload, tier=box.tier) as doubts:
            for job in answered:
                first, *others = [next(runs) for _ in _trials(job)]
                apart = [run for _ in _spot_check(job) for run in next(runs)] or first
                proofs = [_proof(*outcomes) for outcomes in zip(first, *others, apart, strict=True)]
                if not all(proof.agrees for proof in proofs):
                    proofs = _explained(doubts, job, proofs, others)
                yield [
                    Proof(proof.execution, False, "numpy tells the real time")
                    if _asks_numpy(job, text)
                    else proof
                    for text, proof in zip(job.inputs, proofs, strict=True)
                ]

    def close(self) -> None:
        """End the workers."""
        self._sandbox.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _asks_numpy(job: Job, text: str) -> bool:
    """Whether the real time may decide."""
    return bool(_NUMPY_DATE.search(job.code) and _NUMPY_CLOCK.search(f"{job.code}\n{text}"))


def _trials(job: Job) -> list[_Trial]:
    return [(job, environment) for environment in ENVIRONMENTS]


def _spot_check(job: Job) -> list[_Trial]:
    """Each input apart, for some of all functions."""
    chosen = int(hashlib.sha256(job.code.encode("utf-8", "surrogatepass")).hexdigest(), 16) % SPOT_CHECK == 0
    return [(replace(job, apart=True), ENVIRONMENTS[0])] if chosen and not job.apart else []


def _runs(box: Sandbox, trials: Iterable[_Trial]) -> Iterator[list[Execution]]:
    """Run each job in its environment; yields executions in the order of its inputs."""
    asked, answered = itertools.tee(trials)
    requests = (job_request(job, box.limits, box.preload, environment) for job, environment in asked)
    for executions, (_, environment) in zip(box.answers(requests, len(ENVIRONMENTS)), answered, strict=True):
        yield executions[::-1] if environment.history else executions


def _explained(box: Sandbox, job: Job, proofs: list[Proof], others: list[list[Execution]]) -> list[Proof]:
    """Name what outcomes depend on: run again, one thing at a time as in an environment that disagreed."""
    told = list(proofs)
    for environment, runs in zip(ENVIRONMENTS[1:], others, strict=True):
        doubtful = [
            index
            for index, (proof, run) in enumerate(zip(proofs, runs, strict=True))
            if told[index] is proof and not proof.agrees and _differ(proof.execution, run)
        ]
        if not doubtful:
            continue
        changes = list(between(environment))
        trials = list(_runs(box, ((job, changed) for _, changed in changes)))
        for index in doubtful:
            first = proofs[index].execution
            causes = [
                words
                for (words, _), trial in zip(changes, trials, strict=True)
                if _differ(first, trial[index])
            ]
            told[index] = replace(proofs[index], detail=_detail(causes, first, runs[index]))
    return told


def _proof(first: Execution, *others: Execution) -> Proof:
    for run in (first, *others):
        if _is_spent(run):  # one environment may stay just below a limit: no sign of chance
            return Proof(run, True)
    for other in others:
        if _differ(first, other):
            return Proof(first, False, _detail([SURROUNDINGS["history"]], first, other))
    return Proof(first, True)


def _is_spent(run: Execution) -> bool:
    return run.status in ("timeout", "memory")


def _differ(run: Execution, other: Execution) -> bool:
    return not _is_spent(other) and _decisive(run) != _decisive(other)


def _decisive(execution: Execution) -> tuple[str, str | None, str | None]:
    error_type = execution.error_type if execution.status == "exception" else None
    return execution.status, execution.output, error_type


def _detail(causes: list[str], run: Execution, other: Execution) -> str:
    """What an outcome depends on, and two outcomes, unless these are others each time."""
    if CHANCE in causes:  # the other runs were in other processes, too: what they would show is hidden
        return f"depends on {CHANCE}"
    depends = f"depends on {', '.join(causes) or 'several things together'}"
    return f"{depends}: one run gives {_shown(run)}, another {_shown(other)}"


def _shown(execution: Execution) -> str:
    if execution.output is None:
        return ": ".join(filter(None, (execution.status, execution.error_type)))
    text = execution.output
    return text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + " …"
