"""A first run of what a model wrote: does it draw inputs, and give answers worth asking for?

In: candidates (code, generator, parameters). Out: for each a `Fault`, told so that the model can mend it, or
`Examples`, the inputs drawn with their outputs. Few inputs: whether every pair holds is for `io_pairs` to
prove.
"""

import json
from dataclasses import dataclass

from builders.execution import Draw, Execution, Job, Proof, Prover, Sandbox
from hub.verifier import fits

N_DRAWS = 16
N_RUNS = 8
FEWEST = 3
_SHOWN_CHARS = 240


@dataclass(frozen=True)
class Candidate:
    """Code that passed inspection: what a model wrote, cut down to what the function needs."""

    reference_code: str
    entrypoint: str
    parameters: list[str]
    input_generator: str


@dataclass(frozen=True)
class Fault:
    """Why a reply is of no use: a short reason, and a sentence for the model that wrote it."""

    reason: str
    detail: str


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
    drawn = list(map(_chosen, candidates, sandbox.draw_many(draws)))
    jobs = [
        Job(code=candidate.reference_code, entrypoint=candidate.entrypoint, inputs=inputs)
        for candidate, inputs in zip(candidates, drawn, strict=True)
        if not isinstance(inputs, Fault)
    ]
    proofs = prover.prove_many(jobs)
    return [inputs if isinstance(inputs, Fault) else _judged(inputs, next(proofs)) for inputs in drawn]


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
    return small[:N_RUNS]


def _judged(inputs: list[str], proofs: list[Proof]) -> Fault | Examples:
    """The pairs, if there are enough, they agree and differ; or what is wrong with the code."""
    runs = list(zip(inputs, proofs, strict=True))
    ok = [(given, proof.execution.output or "") for given, proof in runs if proof.execution.status == "ok"]
    if len(ok) < FEWEST:
        given, proof = next(run for run in runs if run[1].execution.status != "ok")
        reason = "too_slow" if proof.execution.status == "timeout" else "code_failed"
        return Fault(reason, f"main_solution {_failure(proof.execution)} for the input {_short(given)}.")
    for given, proof in runs:
        if not proof.agrees:
            return Fault(
                "nondeterministic",
                f"For the same input {_short(given)} {proof.detail}: no chance, no clock, no sets in the "
                "result; what is drawn at random becomes a parameter.",
            )
    if len({output for _, output in ok}) == 1:
        what = (
            "None: return the result"
            if ok[0][1] == "null"
            else f"{_short(ok[0][1])}: draw inputs that differ more"
        )
        return Fault(
            "constant_output", f"main_solution({_short(ok[0][0])}) and all other calls return {what}."
        )
    small = [(given, output) for given, output in ok if fits(output)]
    if len({output for _, output in small}) < 2:
        longest = _short(max((output for _, output in ok), key=len))
        return Fault(
            "output_too_large",
            f"main_solution returns too much, {longest}: return what matters most, as a number, a short "
            "string, or a list of at most 9 items, or draw smaller inputs.",
        )
    return Examples(*map(list, zip(*small, strict=True)))


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
