"""Runs hostile code as a program of its own, so that it can be another user with another interpreter.

    python -m tests.builders.execution.attack_run TIER ATTACKS.jsonl CANARY_FOLDER PORT SOCKET_NAME

Prints one JSON object: an answer for each attack, and what was left behind. Stands on the standard library.
"""

import ctypes
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from builders.execution import Execution, Job, Limits, Prover, Sandbox
from builders.verifier import canonical

EXPECTED = "CANARY_" + "EXPECTED_7"  # what no sandboxed process may ever find in its memory
QUICK = Limits(cpu_s=0.1, wall_s=1, memory_mb=256)  # for code that is to run into a limit
PATIENT = Limits(cpu_s=10, wall_s=120, memory_mb=256)  # for code that is not, on a loaded machine
PR_SET_CHILD_SUBREAPER = 36


def code_for(code: str, canary: str, port: str, socket_name: str) -> str:
    """Return an attack's code with the folder, the port and the abstract names that exist in this run."""
    return code.replace("{CANARY}", canary).replace("PORT", port).replace("sandbox_canary", socket_name)


def main(tier: str, attacks_file: str, canary: str, port: str, socket_name: str) -> dict[str, Any]:
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)  # orphans of the sandbox would become our children
    attacks = [json.loads(line) for line in Path(attacks_file).read_text().splitlines()]
    jobs = {
        attack["name"]: Job(
            code_for(attack["code"], canary, port, socket_name),
            "main_solution",
            [canonical(attack["input"])],
        )
        for attack in attacks
    }
    quick = [attack["name"] for attack in attacks if "timeout" in attack["accept"]]
    proven = [attack["name"] for attack in attacks if attack["cat"].startswith("nondet")]
    descriptors = os.listdir("/proc/self/fd")
    temporary = os.listdir(tempfile.gettempdir())
    answers: dict[str, dict[str, Any]] = {}
    patient = [name for name in jobs if name not in quick and name not in proven]
    with Sandbox(PATIENT, workers=2, tier=tier) as sandbox:
        for group, limited in ((quick, sandbox.with_limits(QUICK)), (patient, sandbox)):
            for name, [run] in zip(group, limited.run_many(jobs[name] for name in group), strict=True):
                answers[name] = _as_dict(run)
    with Prover(PATIENT, preload="core", tier=tier) as prover:  # one kind: each takes seven workers
        for name, [proof] in zip(proven, prover.prove_many(jobs[name] for name in proven), strict=True):
            answers[name] = {**_as_dict(proof.execution), "agrees": proof.agrees}
    return {
        "answers": answers,
        "user": os.getuid(),
        "children_left": _children_left(),
        "descriptors_left": len(os.listdir("/proc/self/fd")) - len(descriptors),
        "files_left": sorted(set(os.listdir(tempfile.gettempdir())) - set(temporary)),
    }


def _as_dict(run: Execution) -> dict[str, Any]:
    return {
        "status": run.status,
        "output": run.output,
        "error_type": run.error_type,
        "error_message": run.error_message,
        "mutated": run.mutated,
    }


def _children_left() -> int:
    """Processes that are ours and still there a moment after all sandboxes were closed."""
    n_left = 0
    for _ in range(50):
        try:
            child, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return 0
        n_left = 1 if not child else n_left
        time.sleep(0.05)
    return n_left


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:6])))
