"""A first run of what a model wrote: does it draw inputs, and give answers worth asking for?

In: candidates (code, generator, parameters). Out: for each a `Fault`, told so that the model can mend it, or
`Examples`, the inputs drawn with their outputs. Few inputs: whether every pair holds is for `io_pairs` to
prove.
"""

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from builders.execution import Draw, Execution, Job, Proof, Prover, Sandbox
from builders.verifier import fits

N_DRAWS = 64
N_RUNS = (8, 48)
"""How many inputs are run: few, and many where too few of them were valid (no dates, no formulas)."""
FEWEST = 3
_SHOWN_CHARS = 240
_WHATEVER_INPUT = re.compile(
    r"raises (NameError|ImportError|ModuleNotFoundError"
    r"|AttributeError: '(list|dict|str|int|float)' object has no attribute)"
)
_WANTS_ARRAYS = re.compile(
    r"'list' object has no attribute '(shape|size|ndim|T|dtype|sum|mean|std|var|min|max|dot|reshape|flatten"
    r"|astype|transpose|ravel|argmax|argmin|tolist|cumsum|round|any|all)'"
    r"|list indices must be integers or slices, not tuple"
    r"|unsupported operand type\(s\) for .*'list'|can't multiply sequence by non-int"
)


@dataclass(frozen=True)
class Candidate:
    """Code that passed inspection, a model's or a file's own, cut down to what the function needs."""

    reference_code: str
    entrypoint: str
    parameters: list[str]
    input_generator: str


@dataclass(frozen=True)
class Fault:
    """Why a function, a generator or a description is of no use: a reason, and a sentence for the model.

    `of_inputs`: whether other inputs may help. `lack`: what a wrapper can give the function (see `wrapping`).
    `given`: the input it failed on, which a model is not told, since it would draw just that.
    """

    reason: str
    detail: str
    of_inputs: bool = True
    lack: str = ""
    given: str = ""


@dataclass(frozen=True)
class Examples:
    """Distinct inputs, and what the function returned for them, as canonical JSON."""

    inputs: list[str]
    outputs: list[str]


def tried(sandbox: Sandbox, prover: Prover, candidates: list[Candidate], seed: int) -> list[Fault | Examples]:
    """Try each candidate; in order."""
    draws = [
        Draw(code=candidate.reference_code, generator=candidate.input_generator, seed=seed, count=N_DRAWS)
        for candidate in candidates
    ]
    found: dict[int, Fault | Examples] = {}
    pending: dict[int, list[str]] = {}
    for index, (candidate, drawn) in enumerate(zip(candidates, sandbox.draw_many(draws), strict=True)):
        chosen = _chosen(candidate, drawn)
        if isinstance(chosen, Fault):
            found[index] = chosen
        else:
            pending[index] = chosen
    for n_runs in N_RUNS:
        jobs = [
            Job(candidates[index].reference_code, candidates[index].entrypoint, inputs[:n_runs])
            for index, inputs in pending.items()
        ]
        for index, job, proofs in zip(pending, jobs, prover.prove_many(jobs), strict=True):
            found[index] = _judged(job.inputs, proofs)
        pending = {index: inputs for index, inputs in pending.items() if _may_yet_work(found[index])}
    return [found[index] for index in range(len(candidates))]


def _may_yet_work(found: Fault | Examples) -> bool:
    """Whether other inputs of the same generator may be valid."""
    return isinstance(found, Fault) and found.reason == "code_failed" and found.of_inputs


def _chosen(candidate: Candidate, drawn: list[Execution]) -> Fault | list[str]:
    """Distinct inputs within the limits, or what is wrong with the generator."""
    texts = list(dict.fromkeys(run.output for run in drawn if run.status == "ok" and run.output is not None))
    if not texts:
        return Fault("generator_failed", f"input_generator() {_failure(drawn[0])}.")
    given = sorted(candidate.parameters)
    for text in texts:
        value = json.loads(text)
        if not isinstance(value, dict) or not set(value) <= set(given):
            wanted = ", ".join(f'"{name}"' for name in given)
            return Fault("generator_failed", f"input_generator must return a dict with the keys {wanted}.")
    if len(texts) < FEWEST:
        return Fault(
            "generator_failed",
            f"input_generator nearly always returns the same, {_short(texts[0])}: draw at random.",
        )
    small = [text for text in texts if fits(text)]
    if len(small) < FEWEST:
        return Fault(
            "input_too_large",
            f"input_generator returns too much, {_short(max(texts, key=len))}: lists of at most 9 items, "
            "strings of at most 60 characters.",
        )
    return small


def _judged(inputs: Sequence[str], proofs: list[Proof]) -> Fault | Examples:
    """Some pairs, if there are enough, they agree and differ; or what is wrong with the code."""
    runs = list(zip(inputs, proofs, strict=True))
    ok = [(given, proof.execution.output or "") for given, proof in runs if proof.execution.status == "ok"]
    if len(ok) < FEWEST:
        failed = [run for run in runs if run[1].execution.status != "ok"]
        commonest = Counter(_kind(proof.execution) for _, proof in failed).most_common(1)[0][0]
        given, proof = next(run for run in failed if _kind(run[1].execution) == commonest)
        reason = "too_slow" if proof.execution.status == "timeout" else "code_failed"
        lack = _lack(proof.execution)
        return Fault(
            reason,
            f"main_solution {_failure(proof.execution)}.",
            of_inputs=not (lack or _WHATEVER_INPUT.match(_failure(proof.execution))),
            lack=lack,
            given=_short(given),
        )
    for given, proof in runs:
        if not proof.agrees:
            return Fault(
                "nondeterministic",
                f"for the same input {proof.detail}",
                of_inputs=False,
                given=_short(given),
            )
    if len({output for _, output in ok}) == 1:
        nothing = ok[0][1] == "null"
        what = "None: return the result" if nothing else f"{_short(ok[0][1])}: draw inputs that differ more"
        detail = f"main_solution always returns {what}."
        return Fault("constant_output", detail, of_inputs=not nothing, given=_short(ok[0][0]))
    small = [(given, output) for given, output in ok if fits(output)]
    if len({output for _, output in small}) < 2:
        longest = _short(max((output for _, output in ok), key=len))
        return Fault(
            "output_too_large",
            f"main_solution returns too much, {longest}: draw smaller inputs.",
        )
    return Examples(*map(list, zip(*small, strict=True)))


def _kind(run: Execution) -> tuple[str, str | None]:
    return run.status, run.error_type


def _lack(run: Execution) -> str:
    """Whether results are no plain values, or lists come where arrays are wanted."""
    if run.error_type in ("not_json:type", "not_json:key"):
        return "plain"
    return "arrays" if _WANTS_ARRAYS.search(run.error_message or "") else ""


def _failure(run: Execution) -> str:
    if run.status == "timeout":
        return "does not end in time: draw smaller inputs"
    if run.status == "memory":
        return "runs out of memory"
    if str(run.error_type).startswith("not_json"):
        return f"returns {run.error_message}: only numbers, strings, lists and dicts are plain enough"
    return f"raises {run.error_type}: {run.error_message}"


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}..."
