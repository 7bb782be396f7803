"""The function that a raw file already has, found in the sandbox."""

from collections.abc import Iterator
from typing import Any

import pytest

from builders.execution import Limits, Sandbox
from builders.functions.reading import read_files


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Limits(cpu_s=1, wall_s=60), preload="stdlib") as sandbox:  # as in stage 2
        yield sandbox


def test_the_function_of_a_file_is_the_one_that_builds_on_most_of_it(sandbox: Sandbox) -> None:
    source = (
        "RATE = 2\n"
        "def twice(n):\n    return n * RATE\n"
        "def total(numbers, start=0):\n    return start + sum(twice(n) for n in numbers)\n"
        "def first(numbers):\n    return numbers[0]\n"
        "def load(name):\n    return open(name).read()\n"
        "def show(n):\n    print(total([n]))\n"
        "print(total([1, 2]))\n"
    )
    own = read_files(sandbox, [source])[0]["function"]
    assert own["parameters"] == ["numbers"]
    assert own["reference_code"].endswith("def main_solution(numbers):\n    return total(numbers)\n")
    namespace: dict[str, Any] = {}
    exec(own["reference_code"], namespace)
    assert namespace["main_solution"]([1, 2]) == 6
    assert "first" not in own["reference_code"]


def test_a_method_is_called_on_an_object_made_for_it(sandbox: Sandbox) -> None:
    source = (
        "class Account(object):\n"
        "    def __init__(self, balance, name='x'):\n        self.balance = balance\n"
        "    def rate(self, years):\n        return 1 + years / 10\n"
        "    def after(self, years):\n        total = self.balance\n        return total * self.rate(years)\n"
        "    def _hidden(self, a):\n        a += 1\n        a += 1\n        return a\n"
        "    def __len__(self):\n        return 1\n"
    )
    own = read_files(sandbox, [source])[0]["function"]
    assert own["parameters"] == ["balance", "years"]
    assert own["reference_code"].endswith("return Account(balance).after(years)\n")


@pytest.mark.parametrize(
    ("source", "ends"),
    [
        ("def f(a, *, k, m=1):\n    return a\n", "def main_solution(a, k):\n    return f(a, k=k)\n"),
        ("def f(a=1, b=2):\n    return a\n", "def main_solution(a, b):\n    return f(a, b)\n"),
        (
            "class A:\n    def __init__(self, n=3):\n        self.n = n\n"
            "    def area(self, k=2):\n        return self.n * k\n",
            "def main_solution(n, k):\n    return A(n).area(k)\n",
        ),
    ],
)
def test_what_must_be_given_becomes_a_parameter(sandbox: Sandbox, source: str, ends: str) -> None:
    assert read_files(sandbox, [source])[0]["function"]["reference_code"].endswith(ends)


@pytest.mark.parametrize(
    "source",
    [
        "def f(f):\n    return f\n",
        "def f(a):\n    def inner():\n        return a\n    print(inner())\n",
        "async def f(a):\n    return a\n",
        "class A(Base):\n    def f(self, a):\n        return a\n",
        "@dataclass\nclass A:\n    def f(self, a):\n        return a\n",
        "class A:\n    @staticmethod\n    def f(a):\n        return a\n",
        "class A:\n    def __init__(self, a):\n        self.a = a\n    def f(self, a):\n        return a\n",
        "def main_solution(a):\n    return a\n",
        "def f():\n    return 1\n",
        "def f(*a):\n    return a\n",
        "",
    ],
)
def test_what_cannot_be_called_with_plain_parameters_is_no_function(sandbox: Sandbox, source: str) -> None:
    assert read_files(sandbox, [source])[0]["function"] is None


def test_a_file_whose_functions_read_or_give_nothing_has_none_of_its_own(sandbox: Sandbox) -> None:
    source = "def load(name):\n    return open(name).read()\ndef show(n):\n    print(n)\nshow(load('a'))\n"
    assert read_files(sandbox, [source])[0]["function"] is None


def test_a_long_chain_of_functions_is_read_within_the_limits(sandbox: Sandbox) -> None:
    """Each of 400 functions builds on the previous one; the work grows no faster than with their square."""
    chain = [f"def f{n}(x):\n    return f{n - 1}(x) + 1\n" for n in range(1, 400)]
    (read,) = read_files(sandbox, ["def f0(x):\n    return x\n" + "".join(chain)])
    assert "return f399(x)" in read["function"]["reference_code"]
