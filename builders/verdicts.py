"""Stage 6: the last turn of each conversation, judged.

In: conversations joined with `io_pairs` and `functions`. Out: the same rows, the last turn with its
prediction, status and feedback. Outputs are compared; predicted inputs are run like a pair, in three worlds
of the sandbox, those of one function in one job but each in a process of its own: no verdict depends on what
else is in the batch. The recorded half never enters it.

Not covered: the rules themselves, which stand in `hub.verifier` and ship with the data.
"""

import hashlib
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from builders.execution import Execution, Job, Limits, Proof, Prover
from builders.schema import CONVERSATIONS
from builders.stage import Drop, Row, Stage
from hub import verifier
from hub.verifier import extract

MOST_INPUTS = 8
"""Of one job: a batch of one function's answers still keeps every worker busy."""
_Function = tuple[str, str]


class Verdicts(Stage):
    """Conversations whose last turn is not judged yet to conversations in which it is."""

    name = "verdicts"
    version = 3
    features = CONVERSATIONS
    key = ("task_id", "sample")

    def __init__(self, prover: Prover, limits: Limits) -> None:
        self.prover = prover
        self.limits = limits

    def identity(self) -> Row:
        """The rules' text, the limits and the interpreter that runs the code."""
        rules = Path(verifier.__file__).read_bytes()
        return {
            "rules": hashlib.sha256(rules).hexdigest(),
            "limits": vars(self.limits),
            "python": list(sys.version_info[:2]),
            "numpy": self.prover.numpy_version,
        }

    def rows(self, rows: list[Row]) -> Iterator[Row | Drop]:
        """Judge all open turns of the batch at once."""
        open_ones = [row for row in rows if _open(row)]
        done = iter(judged(self.prover, open_ones, [row["turns"][-1] for row in open_ones]))
        for row in rows:
            last = next(done) if _open(row) else row["turns"][-1]
            yield {**row, "turns": [*row["turns"][:-1], last]}


def judged(prover: Prover, rows: Sequence[Row], turns: Sequence[Row]) -> list[Row]:
    """A turn for each row (`graded` says of which columns), with its prediction, status and feedback.

    Of a turn, `response` and `finish_reason` decide; what it tells of its verdict already does not count.
    """
    predictions = [extract(turn["response"], row["direction"]) for row, turn in zip(rows, turns, strict=True)]
    verdicts = graded(prover, rows, predictions)
    return [_judged(*one) for one in zip(turns, predictions, verdicts, strict=True)]


def graded(prover: Prover, rows: Sequence[Row], predictions: Sequence[str | None]) -> list[verifier.Verdict]:
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
        run = _told(proof) if proof else None
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


def _function(row: Row) -> _Function:
    return row["reference_code"], row["entrypoint"]


def _open(row: Row) -> bool:
    return row["turns"][-1]["status"] is None


def _can_run(prediction: str) -> bool:
    """Whether the verdict on a predicted input needs a run of the code."""
    return isinstance(json.loads(prediction), dict) and verifier.fits(prediction)


def _judged(turn: Row, prediction: str | None, verdict: verifier.Verdict) -> Row:
    feedback = verdict.feedback
    if verdict.status == "no_answer" and turn["finish_reason"] == "length":
        feedback = "The reply was cut off at the length limit before it came to an answer. Be brief."
    return {**turn, "prediction": prediction, "status": verdict.status, "feedback": feedback}


def _told(proof: Proof) -> Callable[[str], Execution]:
    """What `verify` is to be told of the run that was made."""
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
