"""Grading: verdicts on predictions, by the rules of `builders.verifier`, with the sandbox to run the code.

In: predictions, and the rows that say what was asked. Out: a `Verdict` for each. Outputs are compared.
Predicted inputs are run in the sandbox like pairs, in three environments; those of one function share a job,
but each gets its own process, so no verdict depends on the rest of the batch. The recorded half of the pair
never enters the sandbox. The rewards use this module inside trainers, so it needs only the standard library.

Not covered: the rules themselves, which ship with the data, and finding the prediction in a reply.
Tested in tests/builders/test_verdicts.py.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from builders import verifier
from builders.execution import Execution, Job, Proof, Prover

MAX_INPUTS_PER_JOB = 8
"""Few enough that a batch of answers for one function is split into jobs for every worker."""
_Row = Mapping[str, Any]
_Function = tuple[str, str]


def graded(prover: Prover, rows: Sequence[_Row], predictions: Sequence[str | None]) -> list[verifier.Verdict]:
    """Return the verdict on each row's prediction, in order.

    All predicted inputs are run together, spread over the workers of the prover.

    Args:
        prover: The sandbox that runs predicted inputs.
        rows: For each prediction a mapping with `direction` ("input" or "output"), the recorded `input` and
            `output` (canonical JSON), `reference_code` and `entrypoint`. Rows of the table `rlvr` have these.
        predictions: For each row canonical JSON, or None, as `builders.verifier.extract` returns it.

    Returns:
        A verdict for each row, with feedback for the model unless it is correct.

    Raises:
        SandboxUnavailable: If nothing on this machine can isolate the code.

    Example:
        >>> task = {"input": '{"n":-7}', "output": "7", "entrypoint": "f"}
        >>> task |= {"reference_code": "def f(n): return abs(n)", "direction": "input"}
        >>> with Prover(workers=1) as prover:
        ...     right, wrong = graded(prover, [task, task], ['{"n":7}', '{"n":8}'])
        >>> right.status  # any input that gives the recorded output is right
        'correct'
        >>> print(wrong.feedback)
        With the predicted input {"n":8} the code returns 8 and not 7.
    """
    proofs = _proofs(
        prover,
        (
            (_function(row), text)
            for row, text in zip(rows, predictions, strict=True)
            if text and row["direction"] == "input" and _can_run(text)
        ),
    )
    verdicts = []
    for row, prediction in zip(rows, predictions, strict=True):
        proof = proofs.get((_function(row), prediction))
        run = _replay(proof) if proof else None
        verdicts.append(verifier.verify(row["direction"], prediction, row["input"], row["output"], run))
    return verdicts


def _proofs(
    prover: Prover, predictions: Iterable[tuple[_Function, str]]
) -> dict[tuple[_Function, str | None], Proof]:
    """Return the proof of each distinct predicted input, by its function and text."""
    inputs: dict[_Function, dict[str, None]] = defaultdict(dict)
    for function, text in predictions:
        inputs[function][text] = None
    groups = [
        (function, list(texts)[first : first + MAX_INPUTS_PER_JOB])
        for function, texts in inputs.items()
        for first in range(0, len(texts), MAX_INPUTS_PER_JOB)
    ]
    jobs = (Job(*function, inputs=texts, apart=True) for function, texts in groups)
    proven = prover.prove_many(jobs, with_causes=False)  # feedback names no causes
    return {
        (function, text): proof
        for (function, texts), proofs in zip(groups, proven, strict=True)
        for text, proof in zip(texts, proofs, strict=True)
    }


def _function(row: _Row) -> _Function:
    return row["reference_code"], row["entrypoint"]


def _can_run(prediction: str) -> bool:
    """Return whether a predicted input is worth a run; `verify` refuses all others without one."""
    return isinstance(json.loads(prediction), dict) and verifier.fits(prediction)


def _replay(proof: Proof) -> Callable[[str], Execution]:
    """Return a function for `verify` that returns the run made before, refused if its repeats disagree."""
    execution = proof.execution
    if not proof.agrees:
        execution = replace(execution, status="refused", output=None, error_type="nondeterministic")
    return lambda _: execution
