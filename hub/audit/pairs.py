"""Pairs, run again: each input must give its output, in every environment of the proof.

If code runs here as it did when the pair was made, the output must be the same text. On a different kind of
machine, or with a different Python or numpy, a value that grading accepts as equal is enough.
Tested in tests/hub/audit/test_audit.py.
"""

import json
from collections.abc import Iterator
from itertools import groupby, tee

from builders.execution import Job, Proof
from builders.grading import MAX_INPUTS_PER_JOB
from builders.stage import Row
from builders.tables.joins import LazyJoin
from builders.verifier import equal
from hub.audit.case import Case
from hub.audit.untrusted import batches


def check(case: Case) -> None:
    """Prove the pairs again, all or a sample."""
    if case.lacks("pairs", "io_pairs", "functions"):
        return
    pairs = case.sampled(case.tables.with_ancestors("io_pairs"), "pair_id")
    is_same = case.expectations.matches_this_machine(case.prover.numpy_version)
    if not is_same:
        case.add_unchecked(
            "pairs: the last digits, because the pairs were made with a different Python, numpy or machine"
        )
    with case.checking("pairs", len(pairs), len(case.tables.rows["io_pairs"])) as advance:
        groups_to_run, groups_to_compare = tee(_by_function(pairs))
        jobs = (
            Job(rows[0]["reference_code"], rows[0]["entrypoint"], [row["input"] for row in rows])
            for rows in groups_to_run
        )
        for rows, proofs in zip(groups_to_compare, case.prover.prove_many(jobs), strict=True):
            for row, proof in zip(rows, proofs, strict=True):
                if fault := _fault(row["output"], proof, is_same):
                    case.add_finding("pairs", "io_pairs", row["pair_id"], fault)
            advance(len(rows))


def _by_function(pairs: LazyJoin) -> Iterator[list[Row]]:
    """Yield neighbouring pairs of one function, at most `MAX_INPUTS_PER_JOB` at a time."""
    rows = (row for batch in batches(pairs) for row in batch)
    for _, neighbours in groupby(rows, key=lambda row: row["function_id"]):
        group: list[Row] = []
        for row in neighbours:
            group.append(row)
            if len(group) == MAX_INPUTS_PER_JOB:
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
        return f"the code returns no output ({why})"
    if execution.output == output:
        return None
    if not is_same and equal(json.loads(output), json.loads(execution.output)):
        return None
    return f"the output is {output}, but the code returns {execution.output}"
