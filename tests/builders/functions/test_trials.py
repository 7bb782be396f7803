"""Trials of stage 2, in the real sandbox."""

import json
from collections.abc import Callable, Iterator

import pytest

from builders.execution import Limits, Prover, Sandbox
from builders.functions.trials import Candidate, Examples, Fault, try_candidates

DRAWN = "import random\n\ndef input_generator():\n    return {'n': random.randint(0, 999)}\n"
Trial = Callable[..., Fault | Examples]


@pytest.fixture(scope="module")
def trial() -> Iterator[Trial]:
    with Sandbox(Limits(cpu_s=0.1, wall_s=20)) as sandbox:
        prover = Prover.sharing(sandbox)

        def run_trial(body: str, generator: str = DRAWN) -> Fault | Examples:
            code = f"import numpy as np\n\ndef main_solution(n):\n    {body}\n"
            (result,) = try_candidates(
                sandbox, prover, [Candidate(code, "main_solution", ["n"], generator)], seed=0
            )
            return result

        yield run_trial


def test_examples_are_distinct_inputs_with_their_outputs(trial: Trial) -> None:
    found = trial("return n * 2")
    assert isinstance(found, Examples)
    assert len(set(found.inputs)) == len(found.inputs) == len(found.outputs)
    assert json.loads(found.inputs[0])["n"] * 2 == json.loads(found.outputs[0])


def test_a_few_valid_inputs_among_many_are_enough(trial: Trial) -> None:
    found = trial("return [n, 1][n % 7 and n // 0]")
    assert isinstance(found, Examples)
    assert all(int(output) % 7 == 0 for output in found.outputs)


@pytest.mark.parametrize(
    ("body", "reason", "other_inputs_may_help", "wrapper"),
    [
        ("return n // 0", "code_failed", True, ""),
        ("return missing(n)", "code_failed", False, ""),
        ("return {n}", "code_failed", False, "plain"),
        ("return [n].shape", "code_failed", False, "arrays"),
        ("return [n].total", "code_failed", False, ""),
        ("return float('nan')", "code_failed", True, ""),
        ("return None.group()", "code_failed", True, ""),
        ("return [n // 0, {n}][0] if n % 3 == 0 else {n}", "code_failed", False, "plain"),
        ("return 5", "constant_output", True, ""),
        ("print(n)", "constant_output", False, ""),
        ("import time; return [n, time.time()]", "nondeterministic", False, ""),
        ("while True: pass", "too_slow", True, ""),
        ("return list(range(n + 30))", "output_too_large", True, ""),
    ],
)
def test_faults_say_what_may_help(
    trial: Trial, body: str, reason: str, other_inputs_may_help: bool, wrapper: str
) -> None:
    found = trial(body)
    assert isinstance(found, Fault)
    assert (found.reason, found.other_inputs_may_help, found.wrapper) == (
        reason,
        other_inputs_may_help,
        wrapper,
    )


def test_the_input_that_failed_stands_apart_from_what_a_model_is_told(trial: Trial) -> None:
    found = trial("return n // 0")
    assert isinstance(found, Fault)
    assert found.failing_input.startswith('{"n":')
    assert '"n"' not in found.detail


@pytest.mark.parametrize(
    ("generator", "reason"),
    [
        ("def input_generator():\n    return {'n': gone}\n", "generator_failed"),
        ("def input_generator():\n    return {'m': 1}\n", "generator_failed"),
        ("def input_generator():\n    return {'n': 1}\n", "generator_failed"),
        (
            "import random\n\ndef input_generator():\n    return {'n': [random.random()] * 99}\n",
            "input_too_large",
        ),
    ],
)
def test_generators_are_judged_before_the_code_runs(trial: Trial, generator: str, reason: str) -> None:
    found = trial("return n", generator)
    assert isinstance(found, Fault)
    assert (found.reason, found.other_inputs_may_help) == (reason, True)
