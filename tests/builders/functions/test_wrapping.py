"""Wrapped functions, run in the sandbox."""

import json
from collections.abc import Iterator

import pytest

from builders.execution import Job, Prover
from builders.functions.wrapping import wrap

CODE = """from collections import deque
from decimal import Decimal
from fractions import Fraction

import numpy as np


class Money:
    def __init__(self, cents):
        self.cents = cents

    def __str__(self):
        return "%d.%02d" % divmod(self.cents, 100)


def main_solution(n, deep=0):
    if deep:
        return main_solution(n)
    found = {"owed": Money(n), "half": Decimal(n) / 2, "third": Fraction(n, 3), "seen": {n, 1}}
    return {**found, "pair": (n, None), "row": np.arange(2), "queue": deque([n])}
"""


@pytest.fixture(scope="module")
def prover() -> Iterator[Prover]:
    with Prover() as prover:
        yield prover


def outputs(prover: Prover, code: str, *inputs: str) -> list[object]:
    proofs = prover.prove(Job(code, "main_solution", list(inputs)))
    assert all(proof.agrees for proof in proofs)
    return [json.loads(proof.execution.output or "null") for proof in proofs]


def test_values_become_numbers_texts_lists_and_dicts(prover: Prover) -> None:
    plain = wrap({"reference_code": CODE, "parameters": ["n", "deep"], "signature": "n, deep=0"}, "plain")
    assert plain
    expected = {"owed": "2.05", "half": "102.5", "third": "205/3", "seen": [1, 205], "pair": [205, None]}
    found = outputs(prover, plain["reference_code"], '{"n":205}', '{"n":205,"deep":1}')
    assert found == [{**expected, "row": [0, 1], "queue": [205]}] * 2


def test_keys_that_would_become_one_are_refused(prover: Prover) -> None:
    code = "def main_solution(n):\n    return {n: 'a', str(n): 'b'}\n"
    plain = wrap({"reference_code": code, "parameters": ["n"], "signature": "n"}, "plain")
    assert plain
    (proof,) = prover.prove(Job(plain["reference_code"], "main_solution", ['{"n":1}']))
    assert proof.execution.error_message == "two keys have the same text"


def test_lists_become_arrays_and_other_values_stay(prover: Prover) -> None:
    code = "import numpy as np\n\n\ndef main_solution(a, n):\n    return {a[:, 0].sum() * n}\n"
    arrays = wrap({"reference_code": code, "parameters": ["a", "n"], "signature": "a, n"}, "arrays")
    assert arrays
    both = wrap(arrays, "plain")
    assert both
    assert outputs(prover, both["reference_code"], '{"a":[[1,2],[3,4]],"n":2}') == [[8]]


def test_nothing_is_wrapped_twice_or_without_need() -> None:
    function = {
        "reference_code": "def main_solution(n):\n    return n\n",
        "parameters": ["n"],
        "signature": "n",
    }
    plain = wrap(function, "plain")
    assert plain
    assert wrap(plain, "plain") is None
    both = wrap(plain, "arrays")
    assert both
    assert wrap(both, "arrays") is None
    assert wrap(both, "plain") is None
    assert wrap(function, "") is None


def test_an_object_without_text_is_not_proven(prover: Prover) -> None:
    code = "class Node:\n    pass\n\n\ndef main_solution(n):\n    return [n, Node()]\n"
    plain = wrap({"reference_code": code, "parameters": ["n"], "signature": "n"}, "plain")
    assert plain
    (proof,) = prover.prove(Job(plain["reference_code"], "main_solution", ['{"n":1}']))
    assert not proof.agrees
