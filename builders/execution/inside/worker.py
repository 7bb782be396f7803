"""The forked job: it calls untrusted code on one input after another, and writes each answer to a pipe.

In: what to call (JSON) and the inputs, each after its length. Out: frames on the pipe, each a 4-byte length
and a JSON record `{"s": "ok" | "error" | "memory" | "refused", ...}`. A frame of length 0 starts a budget, so
that a call is not charged for what came before it. The code can forge frames, so a record proves no more than
its return value would.

The module is executed again for each input, so that globals and default arguments start fresh, unless the
request asks for one `shared` module. Not covered: changes that the code makes to library modules, which last
until the job's process ends.
"""

import builtins
import gc
import inspect
import json
import marshal
import mmap
import os
import random
import resource
import signal
import sys
import time
import types
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

from builders.execution.inside.clock import VirtualClock
from builders.execution.inside.kernel import PR_SET_PDEATHSIG, prctl
from builders.execution.inside.seccomp import JobFilter
from builders.execution.inside.seeding import Seeds
from builders.execution.inside.values import Encoder, NotJSON
from builders.execution.inside.wire import EXIT_BROKEN, EXIT_OUT_OF_MEMORY, RESULTS, frame, frame_contents

_MODULE = "solution"  # not "__main__": what a script does when it is run is not part of the function
_WARM_UP_CODE = 'def f(a):\n    return {"a": a, "n": len(a)}\n'
_N_WARM_UPS = 40
_MESSAGE_CHARS = 300
_TYPE_CHARS = 100
_RECURSION_LIMIT = 1000
_SLOW_S = 0.005  # less time before a call is charged to the call: a message to the zygote would cost more

# Keep the real clocks: the virtual one replaces them.
_cpu_s, _monotonic = time.process_time, time.monotonic
_exact_bytes = marshal.dumps

_BUDGET_BEGINS = frame("")
_OUT_OF_MEMORY = frame('{"s":"memory"}')  # made in advance, while there is memory


class Worker:
    """The worker, prepared once in the zygote. `run` is called in each fork, and never returns."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.seeds = Seeds()
        self.encoder = Encoder()
        self.filter = JobFilter()
        self.zygote_id = 0
        self.address_space_bytes = 0
        self.budget_start_s = 0.0
        self.must_report_load = False

    def prepare(self) -> None:
        """Warm up, and measure the address space, to which memory limits are added: the last preparations."""
        self.seeds.install()
        self._warm_up()
        self.zygote_id = os.getpid()
        self.address_space_bytes = _address_space_bytes()

    def _warm_up(self) -> None:
        """Answer some inputs: Python specialises code that has run, which each fork would have to repeat."""
        os.dup2(1, RESULTS)  # descriptor 1 is the null device
        main = sys.modules["__main__"]
        inputs = ['{"a":[1,2.5,"x",null,true]}']
        job: dict[str, Any] = {"code": _WARM_UP_CODE, "entrypoint": "f", "seed": 0}
        for _ in range(_N_WARM_UPS):
            for shared in (False, True):
                self._answer_all({**job, "shared": shared}, inputs)
        os.close(RESULTS)
        sys.modules["__main__"] = main
        del sys.modules[_MODULE]

    def run(self, request: mmap.mmap, end: int, is_first: bool, cpu_s: float, memory_mb: int) -> None:
        """Run the job in the first `end` bytes of `request`, with RESULTS open as its pipe; never return."""
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != self.zygote_id:
            os._exit(EXIT_BROKEN)  # the zygote ended before the line above
        job_text, *inputs = (part.decode("utf-8", "surrogatepass") for part in frame_contents(request, end))
        job = json.loads(job_text)
        address_space = self.address_space_bytes + memory_mb * 2**20
        cpu_end_s = 2 + int(2 * cpu_s * (len(inputs) + 1))  # the zygote's watch is finer, and acts first
        resource.setrlimit(resource.RLIMIT_AS, (address_space, address_space))
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_end_s, cpu_end_s))
        self.filter.install(os.getpid())
        # In a later process, the zygote needs to know whether the code can be loaded at all.
        self.budget_start_s, self.must_report_load = _monotonic(), not is_first
        gc.enable()  # the zygote froze its own objects, so only those of the code are examined
        self._answer_all(job, inputs)
        os._exit(0)

    def _answer_all(self, job: dict[str, Any], inputs: list[str]) -> None:
        program = _Draws(job) if "generator" in job else _Calls(job)
        shared = self._load_shared(program, inputs[0]) if job.get("shared") else None
        for text in inputs:
            self.clock.reset()
            self.seeds.set(program.seed(text))
            loaded = shared or _attempt(program.load)
            if loaded.error is not None:
                emit(_error_record(loaded.error, False, 0))
                continue
            self._begin_budget()
            self._answer(program, loaded.value, text)
            self.budget_start_s = _monotonic()  # each record starts a budget

    def _begin_budget(self) -> None:
        if self.must_report_load or _monotonic() - self.budget_start_s > _SLOW_S:
            _write(_BUDGET_BEGINS)
            self.budget_start_s, self.must_report_load = _monotonic(), False

    def _load_shared(self, program: "_Calls | _Draws", text: str) -> "_Outcome":
        """Load the code and call it once, so that what a call leaves behind shows in every answer."""
        self.clock.reset()
        self.seeds.set(program.seed(text))
        loaded = _attempt(program.load)
        if loaded.error is None:
            self._begin_budget()
            _attempt(lambda: program.call(loaded.value, json.loads(text)))
        return loaded

    def _answer(self, program: "_Calls | _Draws", function: Any, text: str) -> None:
        try:
            argument = json.loads(text) if isinstance(program, _Calls) else text
        except (ValueError, RecursionError) as error:
            emit(_refusal("bad_input", str(error)))
            return
        before = _exact_bytes(argument, 0)
        start_s = _cpu_s()
        outcome = _attempt(lambda: program.call(function, argument))
        cpu_us = int(1e6 * (_cpu_s() - start_s))
        recursion_limit = sys.getrecursionlimit()
        sys.setrecursionlimit(_RECURSION_LIMIT)  # the code may have lowered it
        mutated = isinstance(program, _Calls) and self._differs(argument, before, text)
        emit(self._record(outcome, mutated, cpu_us))
        sys.setrecursionlimit(recursion_limit)

    def _record(self, outcome: "_Outcome", mutated: bool, cpu_us: int) -> str:
        if outcome.error is not None:
            return _error_record(outcome.error, mutated, cpu_us)
        try:
            text = self.encoder.encode(outcome.value)
        except NotJSON as refusal:
            return _refusal(f"not_json:{refusal.reason}", refusal.detail)
        except MemoryError:
            _stop_for_memory()
        except Exception as error:  # a thread of the code changed the value meanwhile
            return _refusal("not_json:unstable", type(error).__name__)
        return f'{{"s":"ok","o":{text},"m":{"true" if mutated else "false"},"c":{cpu_us}}}'

    def _differs(self, argument: Any, before: bytes, text_before: str) -> bool:
        try:
            if _exact_bytes(argument, 0) == before:  # 20 times as fast, and compares exact types
                return False
            text = self.encoder.encode(argument)
            return text != text_before and text != self.encoder.encode(json.loads(text_before))
        except Exception:
            return True  # the code put something into it that is not JSON


class _Outcome(NamedTuple):
    """The outcome of running untrusted code: its value or its exception."""

    value: Any
    error: BaseException | None


def _attempt(action: Callable[[], Any]) -> _Outcome:
    try:
        return _Outcome(action(), None)
    except BaseException as error:
        error.__traceback__ = None  # frees the frames, and the memory that they hold
        return _Outcome(None, error)


class _Code:
    """Source texts, compiled once and executed in a fresh module each time."""

    def __init__(self, sources: list[str], entrypoint: str) -> None:
        self._sources = sources
        self._entrypoint = entrypoint
        self._compiled: list[types.CodeType] = []

    def load(self) -> Any:
        """Execute the code and return its entrypoint."""
        if not self._compiled:
            self._compiled = [compile(text, "<code>", "exec", dont_inherit=True) for text in self._sources]
        sys.setrecursionlimit(_RECURSION_LIMIT)
        module = types.ModuleType(_MODULE)
        sys.modules[_MODULE] = sys.modules["__main__"] = module
        namespace = module.__dict__
        namespace["__builtins__"] = builtins
        for code in self._compiled:
            exec(code, namespace)
        if self._entrypoint not in namespace:
            raise NameError(f"the code defines no {self._entrypoint}")
        return namespace[self._entrypoint]


class _Calls(_Code):
    """A job that calls a function on inputs."""

    def __init__(self, job: dict[str, Any]) -> None:
        super().__init__([job["code"]], job["entrypoint"])
        self._seed: int = job["seed"]

    def seed(self, text: str) -> int:
        """Return the seed, the same for every call, so that an answer does not depend on its position."""
        return self._seed

    def call(self, function: Any, argument: Any) -> Any:
        """Call with an object as named arguments, or with any other value as the only argument."""
        return function(**argument) if type(argument) is dict else function(argument)


class _Draws(_Code):
    """A job that calls an input generator, once for each seed (a hexadecimal digest)."""

    def __init__(self, job: dict[str, Any]) -> None:
        super().__init__([job["code"], job["generator"]], "input_generator")

    def seed(self, text: str) -> int:
        """Return the draw's own seed, which is its input as a number."""
        return int(text, 16)

    def call(self, function: Any, argument: Any) -> Any:
        """Call without arguments, or with a seeded `rng` if the generator takes one parameter."""
        parameters = list(inspect.signature(function).parameters.values())
        if len(parameters) == 1 and (
            parameters[0].name == "rng" or parameters[0].default is inspect.Parameter.empty
        ):
            rng = random.Random(f"rng {argument}")  # differs from the numbers of `random` itself
            by_name = parameters[0].kind is inspect.Parameter.KEYWORD_ONLY
            return function(**{parameters[0].name: rng}) if by_name else function(rng)
        return function()


def emit(record: str) -> None:
    """Write one record."""
    _write(frame(record))


def _write(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(RESULTS, view) :]


def _refusal(reason: str, detail: str) -> str:
    return json.dumps({"s": "refused", "t": reason, "e": _plain(detail)[:_MESSAGE_CHARS]})


def _error_record(error: BaseException, mutated: bool, cpu_us: int) -> str:
    if issubclass(type(error), MemoryError):
        _stop_for_memory()
    try:
        name, message = type(error).__name__, str(error)[:_MESSAGE_CHARS]
    except BaseException:
        name, message = "Exception", "its text cannot be had"
    record = {"s": "error", "t": _plain(name)[:_TYPE_CHARS], "e": _plain(message), "m": mutated, "c": cpu_us}
    return json.dumps(record)


def _plain(text: str) -> str:
    return str(text).encode("utf-8", "replace").decode("utf-8")


def _stop_for_memory() -> NoReturn:
    _write(_OUT_OF_MEMORY)
    os._exit(EXIT_OUT_OF_MEMORY)


def _address_space_bytes() -> int:
    """Return the smallest limit under which a page can still be allocated, without reading /proc."""
    low, high = 0, 1 << 46
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard != resource.RLIM_INFINITY:
        high = min(high, hard)
    while high - low > 1 << 16:
        middle = (low + high) // 2
        resource.setrlimit(resource.RLIMIT_AS, (middle, hard))
        try:
            mmap.mmap(-1, 4096).close()
            high = middle
        except (OSError, MemoryError):
            low = middle
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    return high
