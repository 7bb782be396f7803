"""Published functions: causes of nondeterminism are named, and proven outputs can be reproduced."""

import json
from typing import Any

import pytest

from builders.execution import Job, Limits, Proof, Prover, Sandbox
from builders.execution.inside.environments import CAUSE_TEXTS
from builders.verifier import canonical
from tests import SHARED

REFERENCE = SHARED / "data" / "unified_reference.jsonl"
CAUSES = {
    **dict.fromkeys((105, 258, 265, 317, 370, 523), "seed"),
    **dict.fromkeys((146, 338, 389), "clock"),
    234: "history",
}
MUTATE = {13, 202, 216}
EVERY = 15  # of the other functions, one in so many: all of them would take ten minutes
LIMITS = Limits(cpu_s=5, wall_s=60, memory_mb=1024)


@pytest.fixture(scope="module")
def jobs() -> dict[int, Job]:
    """A job for some of the functions, by their number, with some of their inputs."""
    if not REFERENCE.exists():
        pytest.skip(f"{REFERENCE} is not here")
    jobs = {}
    for line in REFERENCE.read_text().splitlines():
        row: dict[str, Any] = json.loads(line)
        if row["index"] in CAUSES or row["index"] in MUTATE or row["index"] % EVERY == 0:
            inputs = [canonical(pair["input"]) for pair in row["ios"][:10]]
            jobs[row["index"]] = Job(row["refcode"], row["funcname"], inputs)
    return jobs


@pytest.fixture(scope="module")
def proofs(jobs: dict[int, Job]) -> dict[int, list[Proof]]:
    with Prover(LIMITS) as prover:
        return dict(zip(jobs, prover.prove_many(jobs.values()), strict=True))


def test_what_is_not_deterministic_is_named(proofs: dict[int, list[Proof]]) -> None:
    named = {
        index: {proof.detail.partition(":")[0] for proof in group if not proof.agrees}
        for index, group in proofs.items()
    }
    expected = {index: {f"depends on {CAUSE_TEXTS[cause]}"} for index, cause in CAUSES.items()}
    assert {index: causes for index, causes in named.items() if causes} == expected


def test_what_changes_its_argument_is_known(proofs: dict[int, list[Proof]]) -> None:
    mutating = {index for index, group in proofs.items() if any(proof.execution.mutated for proof in group)}
    assert mutating == MUTATE


def test_what_is_kept_comes_out_of_a_fresh_python(
    jobs: dict[int, Job], proofs: dict[int, list[Proof]]
) -> None:
    """Each call runs in a process that was started for it alone, and that is isolated too."""
    kept = [
        (jobs[index], text, proof.execution.output)
        for index, group in proofs.items()
        if all(proof.agrees for proof in group)
        for text, proof in zip(jobs[index].inputs[:2], group, strict=False)
        if proof.execution.status == "ok"
    ]
    assert len(kept) > 30
    for job, text, output in kept:
        with Sandbox(LIMITS) as sandbox:
            [run] = sandbox.run(Job(job.code, job.entrypoint, [text]))
        assert run.output == output
