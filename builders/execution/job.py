"""The input types of the sandbox, `Job` and `Draw`, and its result type, `Execution`.

Tested in tests/builders/execution/test_sandbox.py.
"""

from dataclasses import dataclass
from typing import Literal

from builders.options import Limits

__all__ = ["Draw", "Execution", "ExecutionStatus", "Job", "Limits"]

ExecutionStatus = Literal["ok", "exception", "timeout", "memory", "refused"]


@dataclass(frozen=True)
class Job:
    """A function and the inputs to call it with.

    Attributes:
        code: Python source that defines the function. `Sandbox.run` executes it again for each input, in a
            new module.
        entrypoint: Name of the function.
        inputs: Canonical JSON texts, one for each call. An object is passed as named arguments, any other
            value as the only argument.
        seed: Seed that `random` and numpy get before each call.
        apart: Whether each input runs in its own process, so that no outcome depends on the other inputs,
            whatever the code leaves in library modules.

    Example:
        >>> from builders.execution import Job, Sandbox
        >>> job = Job("def f(n, times=2): return n * times", "f", ['{"n":7,"times":3}', "7"])
        >>> with Sandbox() as sandbox:
        ...     print([execution.output for execution in sandbox.run(job)])
        ['21', '14']
    """

    code: str
    entrypoint: str
    inputs: list[str]
    seed: int = 0
    apart: bool = False


@dataclass(frozen=True)
class Draw:
    """An input generator and how many inputs to draw from it.

    Each draw is seeded from (seed, function_id, its number) alone and runs in a new module, so it is the same
    in any batch.

    Attributes:
        code: Python source that is executed before `generator`, in the same module.
        generator: Python source that defines `input_generator`. If that function takes one parameter, it gets
            a seeded `random.Random`.
        seed: Seed of the stage that draws.
        first: Number of the first draw.
        count: Number of draws.
        function_id: Id of the function that the inputs are for.

    Example:
        >>> from builders.execution import Draw, Sandbox
        >>> generator = "def input_generator(rng): return {'n': rng.randint(1, 6)}"
        >>> with Sandbox() as sandbox:
        ...     dice = [draw.output for draw in sandbox.draw(Draw("", generator, count=5))]
        ...     last = [draw.output for draw in sandbox.draw(Draw("", generator, first=3, count=2))]
        >>> dice[3:] == last
        True
    """

    code: str
    generator: str
    seed: int = 0
    first: int = 0
    count: int = 50
    function_id: str = ""


@dataclass(frozen=True)
class Execution:
    """The outcome of one call or draw.

    Attributes:
        status: "ok", "exception", "timeout", "memory" or "refused".
        output: Canonical JSON of the value that was returned or drawn; None unless `status` is "ok".
        error_type: Name of the exception, or the reason of a refusal: "not_json:..." (type, nan, depth, size,
            digits, key, surrogate, unstable), "bad_input", "bad_record", "too_many_records",
            "output_too_large" or "died". None for a timeout.
        error_message: Message of the exception or refusal, or which time limit was reached.
        cpu_ms: CPU time of the call in milliseconds, for information only: it differs from run to run.
        mutated: Whether the call changed its argument. The argument is a copy, so no other call sees it.

    Example:
        >>> from builders.execution import Job, Sandbox
        >>> with Sandbox() as sandbox:
        ...     [execution] = sandbox.run(Job("def f(n): return 1 / n", "f", ["0"]))
        >>> execution.status, execution.error_type, execution.output
        ('exception', 'ZeroDivisionError', None)
    """

    status: ExecutionStatus
    output: str | None = None
    error_type: str | None = None
    error_message: str | None = None
    cpu_ms: float = 0.0
    mutated: bool = False
