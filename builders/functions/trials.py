"""Trials of what a model wrote: whether it draws valid inputs and returns outputs that are worth predicting.

In: candidates (code, generator, parameters). Out: for each candidate a `Fault`, worded so that the model can
correct it, or `Examples`, which are drawn inputs with their outputs. Only a few inputs are run; proving every
pair is left to `io_pairs`.
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
"""How many inputs are run: few, then many if too few of them were valid (dates or formulas, for example)."""
MIN_EXAMPLES = 3
"""A generator must draw this many distinct inputs within the size limits, and as many runs must work."""
_SHOWN_CHARS = 240
_FAILS_ON_ANY_INPUT = re.compile(
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
    """Code that passed inspection, the model's or the file's own.

    Attributes:
        reference_code: The function, with only the definitions that it needs.
        entrypoint: Name of the function.
        parameters: Names of its parameters.
        input_generator: Code of `input_generator`, with only the definitions that it needs.
    """

    reference_code: str
    entrypoint: str
    parameters: list[str]
    input_generator: str


@dataclass(frozen=True)
class Fault:
    """The reason why a function, a generator or a description is of no use.

    Attributes:
        reason: A short code, which becomes the reason of a drop.
        detail: A sentence for the model.
        other_inputs_may_help: Whether the same function may work with different inputs.
        wrapper: Name of the wrapper that may help, "plain" or "arrays" (see `wrapping`); "" if none can.
        failing_input: An input that shows the fault, shortened, or "". The model does not see it, since it
            would draw exactly this input again.
    """

    reason: str
    detail: str
    other_inputs_may_help: bool = True
    wrapper: str = ""
    failing_input: str = ""


@dataclass(frozen=True)
class Examples:
    """Distinct inputs of a function, and what it returned for them.

    Attributes:
        inputs: The named arguments of each call, as canonical JSON.
        outputs: What each call returned, in the same order, as canonical JSON.
    """

    inputs: list[str]
    outputs: list[str]


def try_candidates(
    sandbox: Sandbox, prover: Prover, candidates: list[Candidate], seed: int
) -> list[Fault | Examples]:
    """Try each candidate, and return its examples or its fault, in order."""
    draws = [
        Draw(code=candidate.reference_code, generator=candidate.input_generator, seed=seed, count=N_DRAWS)
        for candidate in candidates
    ]
    results: dict[int, Fault | Examples] = {}
    pending: dict[int, list[str]] = {}
    for index, (candidate, drawn) in enumerate(zip(candidates, sandbox.draw_many(draws), strict=True)):
        inputs = _select_inputs(candidate, drawn)
        if isinstance(inputs, Fault):
            results[index] = inputs
        else:
            pending[index] = inputs
    for n_runs in N_RUNS:
        jobs = [
            Job(candidates[index].reference_code, candidates[index].entrypoint, inputs[:n_runs])
            for index, inputs in pending.items()
        ]
        for index, job, proofs in zip(pending, jobs, prover.prove_many(jobs), strict=True):
            results[index] = _judge(job.inputs, proofs)
        pending = {index: inputs for index, inputs in pending.items() if _may_yet_work(results[index])}
    return [results[index] for index in range(len(candidates))]


def _may_yet_work(result: Fault | Examples) -> bool:
    """Return whether more inputs of the same generator may be valid."""
    return isinstance(result, Fault) and result.reason == "code_failed" and result.other_inputs_may_help


def _select_inputs(candidate: Candidate, drawn: list[Execution]) -> Fault | list[str]:
    """Return distinct inputs within the size limits, or what is wrong with the generator."""
    texts = list(dict.fromkeys(run.output for run in drawn if run.status == "ok" and run.output is not None))
    if not texts:
        return Fault("generator_failed", f"input_generator() {_failure_text(drawn[0])}.")
    parameters = sorted(candidate.parameters)
    for text in texts:
        value = json.loads(text)
        if not isinstance(value, dict) or not set(value) <= set(parameters):
            keys = ", ".join(f'"{name}"' for name in parameters)
            return Fault("generator_failed", f"input_generator must return a dict with the keys {keys}.")
    if len(texts) < MIN_EXAMPLES:
        return Fault(
            "generator_failed",
            f"input_generator nearly always returns the same, {_shortened(texts[0])}: draw at random.",
        )
    small = [text for text in texts if fits(text)]
    if len(small) < MIN_EXAMPLES:
        return Fault(
            "input_too_large",
            f"input_generator returns too much, {_shortened(max(texts, key=len))}: lists of at most 9 items, "
            "strings of at most 60 characters.",
        )
    return small


def _judge(inputs: Sequence[str], proofs: list[Proof]) -> Fault | Examples:
    """Return the pairs if enough runs worked, agree, and give different outputs; otherwise what is wrong."""
    runs = list(zip(inputs, proofs, strict=True))
    ok = [(text, proof.execution.output or "") for text, proof in runs if proof.execution.status == "ok"]
    if len(ok) < MIN_EXAMPLES:
        failed = [run for run in runs if run[1].execution.status != "ok"]
        commonest = Counter(_failure_kind(proof.execution) for _, proof in failed).most_common(1)[0][0]
        text, proof = next(run for run in failed if _failure_kind(run[1].execution) == commonest)
        reason = "too_slow" if proof.execution.status == "timeout" else "code_failed"
        wrapper = _helpful_wrapper(proof.execution)
        return Fault(
            reason,
            f"main_solution {_failure_text(proof.execution)}.",
            other_inputs_may_help=not (wrapper or _FAILS_ON_ANY_INPUT.match(_failure_text(proof.execution))),
            wrapper=wrapper,
            failing_input=_shortened(text),
        )
    for text, proof in runs:
        if not proof.agrees:
            return Fault(
                "nondeterministic",
                f"for the same input {proof.detail}",
                other_inputs_may_help=False,
                failing_input=_shortened(text),
            )
    if len({output for _, output in ok}) == 1:
        is_none = ok[0][1] == "null"
        value = (
            "None: return the result" if is_none else f"{_shortened(ok[0][1])}: draw inputs that differ more"
        )
        detail = f"main_solution always returns {value}."
        return Fault(
            "constant_output", detail, other_inputs_may_help=not is_none, failing_input=_shortened(ok[0][0])
        )
    small = [(text, output) for text, output in ok if fits(output)]
    if len({output for _, output in small}) < 2:
        longest = _shortened(max((output for _, output in ok), key=len))
        return Fault(
            "output_too_large",
            f"main_solution returns too much, {longest}: draw smaller inputs.",
        )
    return Examples(*map(list, zip(*small, strict=True)))


def _failure_kind(run: Execution) -> tuple[str, str | None]:
    return run.status, run.error_type


def _helpful_wrapper(run: Execution) -> str:
    """Return "plain" if the result is not a plain value, "arrays" if the code needs arrays, otherwise ""."""
    if run.error_type in ("not_json:type", "not_json:key"):
        return "plain"
    return "arrays" if _WANTS_ARRAYS.search(run.error_message or "") else ""


def _failure_text(run: Execution) -> str:
    if run.status == "timeout":
        return "does not end in time: draw smaller inputs"
    if run.status == "memory":
        return "runs out of memory"
    if str(run.error_type).startswith("not_json"):
        return f"returns {run.error_message}: only numbers, strings, lists and dicts are plain enough"
    return f"raises {run.error_type}: {run.error_message}"


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}..."
