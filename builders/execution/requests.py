"""The requests to zygotes: jobs and draws as bytes.

Tested in tests/builders/execution/test_sandbox.py.
"""

import hashlib
import json
from typing import Any

from builders.execution.inside.environments import ENVIRONMENTS, Environment
from builders.execution.inside.wire import MAX_KILLED, REQUEST_HEADER, frame
from builders.execution.job import Draw, Job, Limits
from builders.execution.preload import Preload, kind_for
from builders.execution.tickets import Request, ZygoteSpec
from builders.verifier import canonical


def job_request(
    job: Job, limits: Limits, preload: Preload, environment: Environment = ENVIRONMENTS[0]
) -> Request:
    """Return the request that runs a job in an environment.

    If the environment changes the history, inputs run in reverse order, in one module that keeps its state.
    """
    content: dict[str, Any] = {
        "code": job.code,
        "entrypoint": job.entrypoint,
        "seed": job.seed + 7919 * environment.seed,
        "shared": bool(environment.history),
    }
    inputs = job.inputs[::-1] if environment.history else job.inputs
    kind = kind_for(job.code) if preload == "auto" else preload
    return _request(content, inputs, limits, ZygoteSpec(kind, environment.process_environment), job.apart)


def draw_request(draw: Draw, limits: Limits, preload: Preload) -> Request:
    """Return the request that draws inputs; each draw gets the seed of its number."""
    draw_numbers = range(draw.first, draw.first + draw.count)
    content = {"code": draw.code, "generator": draw.generator}
    seeds = [_draw_seed(draw, number) for number in draw_numbers]
    kind = kind_for(f"{draw.code}\n{draw.generator}") if preload == "auto" else preload
    return _request(content, seeds, limits, ZygoteSpec(kind, ENVIRONMENTS[0]))


def _draw_seed(draw: Draw, number: int) -> str:
    return hashlib.sha256(canonical([draw.seed, draw.function_id, number]).encode()).hexdigest()


def _request(
    content: dict[str, Any], inputs: list[str], limits: Limits, spec: ZygoteSpec, apart: bool = False
) -> Request:
    n_inputs = len(inputs)
    body = b"".join(map(frame, (json.dumps(content), *inputs)))
    inputs_per_process = 1 if apart else n_inputs
    header = REQUEST_HEADER.pack(len(body), inputs_per_process, limits.cpu_s, limits.wall_s, limits.memory_mb)
    # One budget for each answer, and three for each process: to load the code, to call it once if its module
    # is shared, and for the call in which the process ends. There are at most as many processes as inputs,
    # plus those that other processes kill.
    max_duration_s = limits.wall_s * (4 * n_inputs + 3 * MAX_KILLED)
    return Request(spec, header + body, n_inputs, max_duration_s)
