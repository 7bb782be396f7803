"""Turns, judged again by the function that judged them: prediction, status and feedback must be the same.

Turns that were judged by different rules are not judged again; the report says which codeio has their rules.

Not covered: whether a constrained answer had to be requested (`answer_forced`), which no reply shows; only
that such a turn has an answer.
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
    if case.expectations.rules_mismatch:
        case.add_unchecked(f"turns: {case.expectations.rules_mismatch}")
        return
    turns = case.sampled(case.tables.with_ancestors("turns"), "response_id")
    is_same = case.expectations.matches_this_machine(case.prover.numpy_version)
    with case.checking("turns", len(turns), len(case.tables.rows["turns"])) as advance:
        for rows in batches(turns, BATCH_ROWS):
            for row, again in zip(rows, judged(case.prover, rows, rows), strict=True):
                if fault := _fault(row, again, is_same):
                    case.add_finding("turns", "turns", row["response_id"], fault)
            advance(len(rows))


def _fault(row: Row, again: Row, is_same: bool) -> str | None:
    # Versions of Python word errors differently.
    has_same_words = is_same or again["status"] != "exception"
    compared = [name for name in JUDGED if has_same_words or name != "feedback"]
    differing = [name for name in compared if row[name] != again[name]]
    if differing:
        return "; ".join(f"{name} is {row[name]}, but should be {again[name]}" for name in differing)
    if row["answer_forced"] and again["prediction"] is None:
        return "is marked answer_forced, but its reply holds no answer"
    return None
