"""What the sandbox guarantees for jobs and draws: independence, limits, plain values."""

import json
import os
import time

import pytest

from builders.execution import Draw, Execution, Job, Limits, Sandbox
from builders.verifier import canonical
from tests.builders.execution.processes import descendants

LIMITS = Limits(cpu_s=5, wall_s=60, memory_mb=256)
HASTY = Limits(cpu_s=0.5, wall_s=60, memory_mb=256)


@pytest.fixture(scope="module")
def hasty_sandbox(sandbox: Sandbox) -> Sandbox:
    """Return the sandbox with a low limit, for code that runs into it."""
    return sandbox.with_limits(HASTY)


def outputs(runs: list[Execution]) -> list[str | None]:
    return [run.output for run in runs]


def test_objects_are_named_arguments_and_all_else_is_one(sandbox: Sandbox) -> None:
    code = "def f(a, b=2): return [a, b]"
    assert outputs(sandbox.run(Job(code, "f", ['{"a":1,"b":3}', "5", "[1]", "null"]))) == [
        "[1,3]",
        "[5,2]",
        "[[1],2]",
        "[null,2]",
    ]


def test_output_is_canonical(sandbox: Sandbox) -> None:
    code = 'def f(x): return {"b": (1, 2.50), "a": "\\u00e9\\n", 3: True}'
    assert outputs(sandbox.run(Job(code, "f", ["1"]))) == ['{"3":true,"a":"é\\n","b":[1,2.5]}']


def test_exceptions_are_named(sandbox: Sandbox) -> None:
    code = "def f(x):\n if x: raise KeyError('k' * 1000)\n return g"
    first, second = sandbox.run(Job(code, "f", ["1", "0"]))
    assert (first.status, first.error_type) == ("exception", "KeyError")
    assert first.error_message == "'" + 299 * "k"
    assert (second.status, second.error_type) == ("exception", "NameError")


@pytest.mark.parametrize(
    ("code", "error_type"),
    [("def f(x:", "SyntaxError"), ("1 / 0", "ZeroDivisionError"), ("y = 1", "NameError")],
)
def test_code_that_does_not_load_fails_for_each_input(sandbox: Sandbox, code: str, error_type: str) -> None:
    runs = sandbox.run(Job(code, "f", ["1", "2"]))
    assert [(run.status, run.error_type) for run in runs] == [("exception", error_type)] * 2


def test_the_script_part_is_not_run(sandbox: Sandbox) -> None:
    code = "def f(x): return x\nif __name__ == '__main__': input()"
    assert outputs(sandbox.run(Job(code, "f", ["1"]))) == ["1"]


def test_each_input_finds_a_fresh_module(sandbox: Sandbox) -> None:
    code = "n = [0]\ndef f(x, seen=[]):\n n[0] += 1\n seen.append(x)\n return [n[0], seen]"
    assert outputs(sandbox.run(Job(code, "f", ["1", "2", "3"]))) == ["[1,[1]]", "[1,[2]]", "[1,[3]]"]


def test_mutation_is_told_and_does_not_reach_the_next_call(sandbox: Sandbox) -> None:
    code = (
        "def f(x, how):\n if how == 1: x.append(1)\n if how == 2: x[0] = object()\n"
        " if how == 3: x.reverse()\n return len(x)"
    )
    runs = sandbox.run(Job(code, "f", [f'{{"how":{how},"x":[1,1]}}' for how in range(4)]))
    assert outputs(runs) == ["2", "3", "2", "2"]
    assert [run.mutated for run in runs] == [False, True, True, False]


def test_what_a_kill_cut_off_goes_on_with_the_next_input(hasty_sandbox: Sandbox) -> None:
    code = (
        "import os\ndef f(x):\n while x == 1: pass\n if x == 2: os._exit(0)\n"
        " if x == 3: bytearray(1 << 30)\n if x == 4: os.write(5, b'xxxxxxxx')\n return x"
    )
    runs = hasty_sandbox.run(Job(code, "f", ["0", "1", "2", "3", "4", "5"]))
    assert [run.status for run in runs] == ["ok", "timeout", "refused", "memory", "refused", "ok"]
    assert [run.error_type for run in runs][2:5] == ["died", "MemoryError", "output_too_large"]


@pytest.mark.parametrize(
    "harm",
    [
        "while string.n > 3: pass",
        "string.kept = bytearray(string.n * 70 << 20)",
        "if string.n > 3: os._exit(0)",
    ],
)
def test_what_earlier_inputs_left_in_a_library_fails_no_later_one(
    sandbox: Sandbox, hasty_sandbox: Sandbox, harm: str
) -> None:
    sandbox = hasty_sandbox if "while" in harm else sandbox  # fresh memory can take long on some machines
    code = f"import os, string\ndef f(x):\n string.n = getattr(string, 'n', 0) + 1\n {harm}\n return x"
    inputs = [str(x) for x in range(8)]
    assert outputs(sandbox.run(Job(code, "f", inputs))) == inputs


def test_size_is_bounded_for_each_output_alone(hasty_sandbox: Sandbox) -> None:
    code = "def f(x):\n while x == 20: pass\n return 'x' * (2_000_000 if x == 3 else 1_000_000)"
    runs = hasty_sandbox.run(Job(code, "f", [str(x) for x in range(26)]))
    assert [(i, run.status) for i, run in enumerate(runs) if run.status != "ok"] == [
        (3, "refused"),
        (20, "timeout"),
    ]


def test_code_that_never_loads_costs_one_budget() -> None:
    began_s = os.times().children_user
    with Sandbox(HASTY, workers=1) as sandbox:
        runs = sandbox.run(Job("while True: pass", "f", ["1"] * 20))
    assert {run.status for run in runs} == {"timeout"}
    # The worker has ended, so its time counts, its start included.
    assert HASTY.cpu_s < os.times().children_user - began_s < 10 * HASTY.cpu_s


def test_a_budget_is_for_each_input(hasty_sandbox: Sandbox) -> None:
    # Each call uses a fifth of the budget by the process's own clock, on a fast or a slow machine.
    code = (
        "import resource\ndef spent():\n return resource.getrusage(resource.RUSAGE_SELF).ru_utime\n"
        "def f(x):\n began_s = spent()\n while spent() - began_s < "
        f"{HASTY.cpu_s / 5}: sum(range(1000))\n return x"
    )
    runs = hasty_sandbox.run(Job(code, "f", [str(x) for x in range(12)]))
    assert sum(run.cpu_ms for run in runs) > 1000 * HASTY.cpu_s
    assert {run.status for run in runs} == {"ok"}


def test_waiting_ends_at_the_wall_limit() -> None:
    with Sandbox(Limits(cpu_s=5, wall_s=0.5, memory_mb=256)) as sandbox:
        [run] = sandbox.run(Job("import threading\ndef f(x): threading.Event().wait()", "f", ["1"]))
    assert run.status == "timeout"


def test_other_limits_need_no_other_workers(sandbox: Sandbox, hasty_sandbox: Sandbox) -> None:
    plain = Job("def f(x): return x", "f", ["1"])
    sandbox.run(plain)
    workers = descendants(os.getpid())
    endless = Job("def f(x):\n while True: pass", "f", ["1"])
    [run] = hasty_sandbox.run(endless)
    assert (run.status, outputs(hasty_sandbox.run(plain))) == ("timeout", ["1"])
    assert descendants(os.getpid()) == workers


def test_memory_is_on_top_of_the_interpreter(sandbox: Sandbox) -> None:
    code = "def f(mb): return len(bytearray(mb << 20)) >> 20"
    assert outputs(sandbox.run(Job(code, "f", ["200", "300", "200"]))) == ["200", None, "200"]


def test_draws_depend_on_seed_function_and_number_alone(sandbox: Sandbox) -> None:
    generator = (
        "import random\nstate = []\ndef input_generator(rng):\n state.append(1)\n"
        " return {'a': rng.random(), 'b': random.random(), 'n': len(state)}"
    )
    ten = outputs(sandbox.draw(Draw("", generator, count=10, function_id="x")))
    assert len(set(ten)) == 10
    assert outputs(sandbox.draw(Draw("", generator, first=4, count=3, function_id="x"))) == ten[4:7]
    assert outputs(sandbox.draw(Draw("", generator, count=1, function_id="y"))) != ten[:1]
    assert outputs(sandbox.draw(Draw("", generator, seed=1, count=1, function_id="x"))) != ten[:1]
    assert all(json.loads(output or "")["n"] == 1 for output in ten)


def test_a_draw_that_hangs_or_fails_changes_no_other(hasty_sandbox: Sandbox) -> None:
    plain = "import random\ndef input_generator(): return {'a': random.random()}"
    calm = outputs(hasty_sandbox.draw(Draw("", plain, count=6)))
    bad = (
        "import random\ndef input_generator():\n value = random.random()\n"
        f" if value == {json.loads(calm[2] or '')['a']!r}:\n  while True: pass\n"
        f" if value == {json.loads(calm[4] or '')['a']!r}: raise ValueError\n"
        " return {'a': value}"
    )
    runs = hasty_sandbox.draw(Draw("", bad, count=6))
    assert [run.status for run in runs] == ["ok", "ok", "timeout", "ok", "exception", "ok"]
    assert [run.output for run in runs if run.status == "ok"] == [calm[i] for i in (0, 1, 3, 5)]


def test_a_generator_may_use_the_code_and_take_any_one_parameter(sandbox: Sandbox) -> None:
    code = "SIZE = 3"
    for head in (
        "input_generator()",
        "input_generator(rng)",
        "input_generator(r)",
        "input_generator(n=None)",
    ):
        assert outputs(sandbox.draw(Draw(code, f"def {head}: return {{'x': SIZE}}", count=1))) == ['{"x":3}']


def test_numpy_is_seeded_and_its_values_are_plain(sandbox: Sandbox) -> None:
    if sandbox.numpy_version is None:
        pytest.skip("numpy is not installed")
    generator = (
        "import numpy as np\ndef input_generator():\n"
        " return {'a': np.random.rand(2), 'i': np.int64(3), 'f': np.float32(0.5), 'b': np.bool_(True)}"
    )
    first, again = (outputs(sandbox.draw(Draw("", generator, count=2))) for _ in range(2))
    assert first == again
    assert first[0] != first[1]
    value = json.loads(first[0] or "")
    assert (len(value["a"]), value["i"], value["f"], value["b"]) == (2, 3, 0.5, True)


@pytest.mark.parametrize(
    "importing",
    ["import math, \\\n numpy as np\n", "np = __import__('num' + 'py')\n", "import importlib\n"],
)
def test_numpy_draws_the_same_however_late_it_comes(sandbox: Sandbox, importing: str) -> None:
    if sandbox.numpy_version is None:
        pytest.skip("numpy is not installed")
    late = "np" if "np" in importing else "importlib.import_module('num' + 'py')"
    generator = f"{importing}def input_generator(): return {{'x': {late}.random.rand()}}"
    with Sandbox(LIMITS, preload="numpy") as early:
        expected = outputs(early.draw(Draw("", generator, count=4)))
    assert len(set(expected)) == 4
    assert None not in expected
    assert outputs(sandbox.draw(Draw("", generator, count=4))) == expected
    assert outputs(sandbox.draw(Draw("", generator, first=2, count=2))) == expected[2:]


def test_the_clock_is_virtual(sandbox: Sandbox) -> None:
    code = """
import asyncio, datetime, time
def f(x):
    began = time.time()
    time.sleep(10_000)
    asyncio.run(asyncio.sleep(10_000))
    moments = [time.strftime("%Y"), str(datetime.date.today().year), str(datetime.datetime.now().year)]
    kinds = [type(datetime.datetime.now()) is datetime.datetime, repr(datetime.datetime(2020, 1, 1))]
    return [time.time() - began > 20_000, moments, kinds]
"""
    began_s = time.monotonic()
    assert outputs(sandbox.run(Job(code, "f", ["1"]))) == [
        '[true,["2023","2023","2023"],[true,"datetime.datetime(2020, 1, 1, 0, 0)"]]'
    ]
    assert time.monotonic() - began_s < 60


def test_inputs_apart_share_nothing(sandbox: Sandbox) -> None:
    """An input's changes to library modules, its end and its forged records affect no other input."""
    code = """
import os, sys
def f(x):
    if x == 2: os._exit(1)
    if x == 3: os.write(5, b'\\x02\\0\\0\\0{}' * 2)
    sys.seen = [*getattr(sys, 'seen', []), x]
    return sys.seen
"""
    inputs = ["1", "4", "2", "3", "5", "5"]
    apart = sandbox.run(Job(code, "f", inputs, apart=True))
    assert [run.output for run in apart] == ["[1]", "[4]", None, None, "[5]", "[5]"]
    assert [run.error_type for run in apart] == [None, None, "died", "too_many_records", None, None]
    assert [run.output for run in sandbox.run(Job(code, "f", ["1", "4"]))] == ["[1]", "[1,4]"]


def test_a_job_apart_finds_no_other_input(sandbox: Sandbox) -> None:
    """No other input is in the worker's variables, and none is visible while the code is loaded."""
    code = """
import gc, os, sys
def texts():
    frame, found = sys._getframe(), []
    while frame:
        found += [repr(value) for value in frame.f_locals.values() if type(value) in (str, bytes, list, dict)]
        frame = frame.f_back
    return found + [repr(thing) for thing in gc.get_objects() if type(thing) is list and len(thing) < 9]
if any(str(91) * 6 in text for text in texts()):
    os._exit(1)
def f(x):
    found = " ".join(texts())
    return [word for word in (f"55{number:02}" * 3 for number in (1, 2, 3)) if word in found]
"""
    inputs = ["91" * 6, "91" * 7, "5501" * 3, "5502" * 3, "5503" * 3]  # unlike any memory address
    apart = sandbox.run(Job(code, "f", inputs, apart=True))
    assert [run.output for run in apart] == [None, None, *(f'["{text}"]' for text in inputs[2:])]
    together = sandbox.run(Job(code, "f", inputs[2:]))
    assert together[0].output == canonical(inputs[2:])  # the search does find texts that are present
