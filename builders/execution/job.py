"""What the sandbox is asked and what it answers.

Tested in tests/builders/execution/test_sandbox.py.
"""

from dataclasses import dataclass
from typing import Literal

from builders.options import Limits

__all__ = ["Draw", "Execution", "ExecutionStatus", "Job", "Limits"]

ExecutionStatus = Literal["ok", "exception", "timeout", "memory", "refused"]


@dataclass(frozen=True)
class Job:
    """Call `entrypoint` of `code` on each input.

    An input is canonical JSON: an object is passed as named arguments, anything else as the one argument.
    `seed` goes to `random` and numpy before each call. `apart`: each input in a process of its own, so that
    no outcome depends on the other inputs, whatever the code leaves in library modules.
    """

    code: str
    entrypoint: str
    inputs: list[str]
    seed: int = 0
    apart: bool = False


@dataclass(frozen=True)
class Draw:
    """Call `input_generator`, which `generator` defines after `code` in one module, `count` times.

    The draws are numbered from `first`. Each is seeded from (seed, function_id, its number) alone and runs on
    a module of its own, so it is the same in any batch. A generator that takes one parameter gets a seeded
    `random.Random`.
    """

    code: str
    generator: str
    seed: int = 0
    first: int = 0
    count: int = 50
    function_id: str = ""


@dataclass(frozen=True)
class Execution:
    """The outcome of one call.

    `output` is the canonical JSON of what was returned or drawn when `status` is "ok". Otherwise `error_type`
    names the exception, or the reason of a refusal: "not_json:..." (type, nan, depth, size, digits, key,
    surrogate), "bad_record", "too_many_records", "output_too_large", "died". `cpu_ms` is telemetry.
    `mutated` tells that the call changed its argument (its own copy: nothing else sees the change).
    """

    status: ExecutionStatus
    output: str | None = None
    error_type: str | None = None
    error_message: str | None = None
    cpu_ms: float = 0.0
    mutated: bool = False
