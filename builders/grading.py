"""Predictions and their verdicts, by the rules of `builders.verifier`, in the sandbox.

In: predictions, and the rows that say what was asked. Out: a `Verdict` each. Outputs are compared; predicted
inputs are run like a pair, in three environments of the sandbox, those of one function in one job but each in
a process of its own: no verdict depends on what else is in the batch. The recorded half never enters it.
Rewards stand on this in the environments of trainers: it needs no package but codeio's.

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

MOST_INPUTS = 8
"""Of one job: a batch of one function's answers still keeps every worker busy."""
_Row = Mapping[str, Any]
_Function = tuple[str, str]


def graded(prover: Prover, rows: Sequence[_Row], predictions: Sequence[str | None]) -> list[verifier.Verdict]:
    """The verdict on each row's prediction (canonical JSON, or None), in order; inputs are run, all at once.

    Of a row: `direction`, `input`, `output`, `reference_code`, `entrypoint`.
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
    prover: Prover, wanted: Iterable[tuple[_Function, str]]
) -> dict[tuple[_Function, str | None], Proof]:
    """Prove distinct inputs, those of one function together."""
    inputs: dict[_Function, dict[str, None]] = defaultdict(dict)
    for function, text in wanted:
        inputs[function][text] = None
    groups = [
        (function, list(texts)[first : first + MOST_INPUTS])
        for function, texts in inputs.items()
        for first in range(0, len(texts), MOST_INPUTS)
    ]
    jobs = (Job(*function, inputs=texts, apart=True) for function, texts in groups)
    return {
        (function, text): proof
        for (function, texts), proofs in zip(groups, prover.prove_many(jobs), strict=True)
        for text, proof in zip(texts, proofs, strict=True)
    }


def _function(row: _Row) -> _Function:
    return row["reference_code"], row["entrypoint"]


def _can_run(prediction: str) -> bool:
    """Whether the verdict on a predicted input needs a run of the code."""
    return isinstance(json.loads(prediction), dict) and verifier.fits(prediction)


def _replay(proof: Proof) -> Callable[[str], Execution]:
    """What `verify` gets for a run: the one that was made."""
    execution = proof.execution
    if not proof.agrees:
        execution = replace(
            execution,
            status="refused",
            output=None,
            error_type="nondeterministic",
            error_message=proof.detail,
        )
    return lambda _: execution
