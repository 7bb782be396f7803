"""Stage 6: verdicts on the last turn of each conversation.

In: conversations joined with `io_pairs` and `functions`. Out: the same rows; the last turn of each has its
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
    """The stage that judges the last turn of each conversation if it has no verdict yet."""

    makes = CONVERSATIONS
    name = "verdicts"
    version = 3
    options: Limits

    def __init__(self, options: Limits, prover: Prover) -> None:
        self.options = options
        self.prover = prover

    def identity(self) -> Row:
        """Return a digest of the rules, and the versions of the interpreter that runs the code."""
        return {
            "rules": digest(verifier),
            "python": list(sys.version_info[:2]),
            "numpy": self.prover.numpy_version,
        }

    def rows(self, rows: list[Row]) -> Iterator[Row | Drop]:
        """Judge all turns of the batch that have no verdict, at once."""
        open_rows = [row for row in rows if _is_open(row)]
        judged_turns = iter(judged(self.prover, open_rows, [row["turns"][-1] for row in open_rows]))
        for row in rows:
            turn = next(judged_turns) if _is_open(row) else row["turns"][-1]
            yield {**row, "turns": [*row["turns"][:-1], turn]}


def judged(prover: Prover, rows: Sequence[Row], turns: Sequence[Row]) -> list[Row]:
    """Return the turn of each row with its prediction, status and feedback.

    The rows need the columns that `graded` names. A verdict depends only on `response` and `finish_reason` of
    the turn; a verdict that the turn already has is ignored.
    """
    predictions = [extract(turn["response"], row["direction"]) for row, turn in zip(rows, turns, strict=True)]
    verdicts = graded(prover, rows, predictions)
    return [_judged(*parts) for parts in zip(turns, predictions, verdicts, strict=True)]


def _is_open(row: Row) -> bool:
    return row["turns"][-1]["status"] is None


def _judged(turn: Row, prediction: str | None, verdict: verifier.Verdict) -> Row:
    feedback = verdict.feedback
    if verdict.status == "no_answer" and turn["finish_reason"] == "length":
        feedback = "The reply was cut off at the length limit before it came to an answer. Be brief."
    return {**turn, "prediction": prediction, "status": verdict.status, "feedback": feedback}
