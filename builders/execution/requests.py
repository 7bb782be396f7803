"""Jobs and draws as requests to a zygote.

Tested in tests/builders/execution/test_sandbox.py.
"""

import hashlib
import json
from typing import Any

from builders.execution.inside.environments import ENVIRONMENTS, Environment
from builders.execution.inside.wire import MOST_KILLED, REQUEST_HEADER, frame
from builders.execution.job import Draw, Job, Limits
from builders.execution.preload import Preload, kind_for
from builders.execution.tickets import Place, Request
from builders.verifier import canonical


def job_request(
    job: Job, limits: Limits, preload: Preload, environment: Environment = ENVIRONMENTS[0]
) -> Request:
    """Call on each input; with another history in reverse, in a module that keeps its state."""
    content: dict[str, Any] = {
        "code": job.code,
        "entrypoint": job.entrypoint,
        "seed": job.seed + 7919 * environment.seed,
        "shared": bool(environment.history),
    }
    inputs = job.inputs[::-1] if environment.history else job.inputs
    kind = kind_for(job.code) if preload == "auto" else preload
    return _request(content, inputs, limits, Place(kind, environment.home), job.apart)


def draw_request(draw: Draw, limits: Limits, preload: Preload) -> Request:
    """Draw with the seeds of the numbers asked for."""
    numbers = range(draw.first, draw.first + draw.count)
    content = {"code": draw.code, "generator": draw.generator}
    seeds = [_draw_seed(draw, number) for number in numbers]
    kind = kind_for(f"{draw.code}\n{draw.generator}") if preload == "auto" else preload
    return _request(content, seeds, limits, Place(kind, ENVIRONMENTS[0]))


def _draw_seed(draw: Draw, number: int) -> str:
    return hashlib.sha256(canonical([draw.seed, draw.function_id, number]).encode()).hexdigest()


def _request(
    content: dict[str, Any], inputs: list[str], limits: Limits, place: Place, apart: bool = False
) -> Request:
    n_inputs = len(inputs)
    body = b"".join(map(frame, (json.dumps(content), *inputs)))
    n_each = 1 if apart else n_inputs
    header = REQUEST_HEADER.pack(len(body), n_each, limits.cpu_s, limits.wall_s, limits.memory_mb)
    # A budget for each answer and three for each process (loading, a rehearsal, the call it ends in): at most
    # as many as there are inputs, and some that others kill.
    longest_s = limits.wall_s * (4 * n_inputs + 3 * MOST_KILLED)
    return Request(place, header + body, n_inputs, longest_s)
