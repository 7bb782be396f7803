"""Proof that an output follows from its input: the same call in different worlds.

In: a job. Out: a Proof for each input. World 0 calls each input on a fresh module. The others do so in
processes with another hash seed, clock, addresses and process ids, seed `random` and numpy otherwise, take
the inputs in reverse, and keep one module for all of them, in which a call has been made before the first.
What depends on any of this disagrees. There are two such worlds, since the order of two set elements is the
same in one of two. Code that asks numpy for "now" or "today" is never proven, for numpy reads the real clock:
it is known by these words, in the code or the input. Not covered: numpy's clock asked in other words, chance
agreement, and what is the same in every world (the libraries, the machine; without namespaces, its name too).
"""

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from builders.execution.job import Execution, Job, Limits
from builders.execution.preload import Preload
from builders.execution.requests import job_request
from builders.execution.sandbox import Sandbox

N_WORLDS = 3
_SHOWN_CHARS = 120
_NUMPY_DATE = re.compile(r"datetime64|M8")
_NUMPY_CLOCK = re.compile(r"""(["'])(?:now|today)\1""", re.IGNORECASE)


@dataclass(frozen=True)
class Proof:
    """The execution in world 0, whether the other worlds agree, and what differed when they do not.

    Where a world is out of time or memory, `execution` is the one that was, and nothing is said to disagree.
    """

    execution: Execution
    agrees: bool
    detail: str = ""


class Prover:
    """Runs each job in every world. Pickled or forked like a Sandbox."""

    def __init__(
        self,
        limits: Limits = Limits(),  # noqa: B008 - immutable
        preload: Preload = "auto",
        workers: int = 1,
        tier: str | None = None,
    ) -> None:
        """`workers`: processes of each kind of preload in each world."""
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
        box = self._sandbox
        asked, answered = itertools.tee(jobs)
        requests = (
            job_request(job, box.limits, box.preload, world) for job in asked for world in range(N_WORLDS)
        )
        answers = box.answers(requests, N_WORLDS)
        for first, job in zip(answers, answered, strict=True):
            others = [next(answers)[::-1] for _ in range(N_WORLDS - 1)]
            yield [
                Proof(runs[0], False, "numpy tells the real time")
                if _asks_numpy(job, text)
                else _proof(*runs)
                for text, *runs in zip(job.inputs, first, *others, strict=True)
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


def _proof(first: Execution, *others: Execution) -> Proof:
    for run in (first, *others):
        if run.status in ("timeout", "memory"):  # one world may stay just below a limit: no sign of chance
            return Proof(run, True)
    for other in others:
        if _decisive(first) != _decisive(other):
            return Proof(first, False, f"one run gives {_shown(first)}, another {_shown(other)}")
    return Proof(first, True)


def _decisive(execution: Execution) -> tuple[str, str | None, str | None]:
    error_type = execution.error_type if execution.status == "exception" else None
    return execution.status, execution.output, error_type


def _shown(execution: Execution) -> str:
    if execution.output is None:
        return ": ".join(filter(None, (execution.status, execution.error_type)))
    text = execution.output
    return text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + " …"
