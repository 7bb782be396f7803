"""Stage 6: the last turn of each conversation, judged.

In: conversations joined with `io_pairs` and `functions`. Out: the same rows, the last turn with its
prediction, status and feedback.

Not covered: how a prediction gets its verdict (`grading`).
"""

import sys
from collections.abc import Iterator, Sequence

from builders import verifier
from builders.execution import Limits, Prover
from builders.execution.program import digest
from builders.grading import graded
from builders.schema import CONVERSATIONS
from builders.stage import Drop, Row, Stage
from builders.verifier import extract


class Verdicts(Stage):
    """Conversations whose last turn is not judged yet to conversations in which it is."""

    makes = CONVERSATIONS
    name = "verdicts"
    version = 3
    options: Limits

    def __init__(self, options: Limits, prover: Prover) -> None:
        self.options = options
        self.prover = prover

    def identity(self) -> Row:
        """The rules' text and the interpreter that runs the code."""
        return {
            "rules": digest(verifier),
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


def _open(row: Row) -> bool:
    return row["turns"][-1]["status"] is None


def _judged(turn: Row, prediction: str | None, verdict: verifier.Verdict) -> Row:
    feedback = verdict.feedback
    if verdict.status == "no_answer" and turn["finish_reason"] == "length":
        feedback = "The reply was cut off at the length limit before it came to an answer. Be brief."
    return {**turn, "prediction": prediction, "status": verdict.status, "feedback": feedback}
