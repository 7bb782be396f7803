"""Turns, judged again by the function that judged them: prediction, status and feedback come out the same.

Turns that were judged by other rules are not judged by these: the report says whose they are.

Not covered: whether an answer had to be asked for (`answer_forced`), which no reply tells; only that it is
there.
Tested in tests/hub/audit/test_audit.py.
"""

from builders.stage import Row
from builders.verdicts import judged
from hub.audit.case import Case
from hub.audit.untrusted import batches

BATCH_ROWS = 1024
JUDGED = ("prediction", "status", "feedback")


def check(case: Case) -> None:
    """Grade the turns again, all or a sample."""
    if case.lacks("turns", "turns", "tasks", "io_pairs", "functions"):
        return
    if case.facts.other_rules:
        case.leaves_out(f"turns: {case.facts.other_rules}")
        return
    some = case.sampled(case.tables.beside("turns"), "response_id")
    is_same = case.facts.is_made_like_here(case.prover.numpy_version)
    with case.looking("turns", len(some), len(case.tables.rows["turns"])) as advance:
        for rows in batches(some, BATCH_ROWS):
            for row, again in zip(rows, judged(case.prover, rows, rows), strict=True):
                if fault := _fault(row, again, is_same):
                    case.found("turns", "turns", row["response_id"], fault)
            advance(len(rows))


def _fault(row: Row, again: Row, is_same: bool) -> str | None:
    # Errors are worded otherwise by other versions of Python.
    is_worded = is_same or again["status"] != "exception"
    differing = [name for name in JUDGED if row[name] != again[name] and (is_worded or name != "feedback")]
    if differing:
        return "; ".join(f"{name} is {row[name]}, and should be {again[name]}" for name in differing)
    if row["answer_forced"] and again["prediction"] is None:
        return "is said to hold an answer that was asked for, and holds none"
    return None
