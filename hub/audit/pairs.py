"""Pairs, run again: each input gives its output, in every environment of the proof.

Where code runs as it did when the pair was made, the very same text is asked for; on another kind of machine
or with another Python or numpy, a value that grading takes for the same will do.
Tested in tests/hub/audit/test_audit.py.
"""

import json
from collections.abc import Iterator
from itertools import groupby, tee

from builders.execution import Job, Proof
from builders.grading import MOST_INPUTS
from builders.stage import Row
from builders.tables.joins import Joined
from builders.verifier import equal
from hub.audit.case import Case
from hub.audit.untrusted import batches


def check(case: Case) -> None:
    """Prove the pairs again, all or a sample."""
    if case.lacks("pairs", "io_pairs", "functions"):
        return
    some = case.sampled(case.tables.beside("io_pairs"), "pair_id")
    is_same = case.facts.is_made_like_here(case.prover.numpy_version)
    if not is_same:
        case.leaves_out("pairs: last digits, since they were made with another Python, numpy or machine")
    with case.looking("pairs", len(some), len(case.tables.rows["io_pairs"])) as advance:
        asked, told = tee(_by_function(some))
        jobs = (
            Job(rows[0]["reference_code"], rows[0]["entrypoint"], [row["input"] for row in rows])
            for rows in asked
        )
        for rows, proofs in zip(told, case.prover.prove_many(jobs), strict=True):
            for row, proof in zip(rows, proofs, strict=True):
                if fault := _fault(row["output"], proof, is_same):
                    case.found("pairs", "io_pairs", row["pair_id"], fault)
            advance(len(rows))


def _by_function(pairs: Joined) -> Iterator[list[Row]]:
    """Neighbours of one function, a few at a time."""
    rows = (row for some in batches(pairs) for row in some)
    for _, own in groupby(rows, key=lambda row: row["function_id"]):
        group: list[Row] = []
        for row in own:
            group.append(row)
            if len(group) == MOST_INPUTS:
                yield group
                group = []
        if group:
            yield group


def _fault(output: str, proof: Proof, is_same: bool) -> str | None:
    execution = proof.execution
    if not proof.agrees:
        return f"is not deterministic: {proof.detail}"
    if execution.error_type == "ModuleNotFoundError":
        return f"cannot be run here: {execution.error_message}; install it (pip install 'codeio[scientific]')"
    if execution.status != "ok" or execution.output is None:
        why = ": ".join(filter(None, (execution.status, execution.error_type, execution.error_message)))
        return f"the code gives no output ({why})"
    if execution.output == output:
        return None
    if not is_same and equal(json.loads(output), json.loads(execution.output)):
        return None
    return f"the output is {output}, and the code returns {execution.output}"
