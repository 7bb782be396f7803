"""The inspection as stage 2 uses it: sent into the sandbox."""

from collections.abc import Iterator
from typing import Any

import pytest

from builders.execution import Sandbox
from builders.functions.reading import inspect_replies, read_files

FILE = '''#!/usr/bin/env python
"""Areas of gardens."""
import sys
import matplotlib.pyplot as plt
from math import *

TABLE = [0]
for i in range(10):
    TABLE.append(i * i)
PRICE = float(input("price? "))

class Garden(object):
    def __init__(self, a, b):
        self.a, self.b = a, b

    def area(self):
        print("area of", self.a)
        return self.a * self.b

# the fence, in metres
def fence(garden):
    for side in (garden.a, garden.b):
        print(side)
    return 2 * (garden.a + garden.b)  # all around

def show(garden):
    plt.plot(garden.a)
    plt.show()

if __name__ == "__main__":
    print(fence(Garden(2, 3)) * PRICE)
'''
GENERATOR = '\ndef input_generator():\n    return {"a": random.randint(1, 9), "b": 2}\n'


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(preload="stdlib") as sandbox:
        yield sandbox


def inspected(sandbox: Sandbox, code: str, source: str = FILE) -> dict[str, Any]:
    return inspect_replies(sandbox, [(code, source)])[0]


def reference_of(sandbox: Sandbox, code: str, source: str = FILE) -> str:
    return str(inspected(sandbox, code, source)["function"]["reference_code"])


def test_definitions_come_from_the_file_and_nothing_else_does(sandbox: Sandbox) -> None:
    code = "def main_solution(a, b):\n    return fence(Garden(a, b)) + sqrt(TABLE[a])\n" + GENERATOR
    found = inspected(sandbox, code)
    assert found["function"]["parameters"] == ["a", "b"]
    reference = found["function"]["reference_code"]
    assert "class Garden(object):" in reference
    assert "return 2 * (garden.a + garden.b)  # all around" in reference
    assert "TABLE.append(i * i)" in reference
    assert "from math import *" in reference
    assert reference.index("def fence") < reference.index("def main_solution")
    for left_out in ("print", "plt", "input", "__main__", "import sys", "random"):
        assert left_out not in reference
    assert found["generator"]["input_generator"].startswith("import random\n")


def test_code_runs_as_the_file_did_after_the_prints_are_gone(sandbox: Sandbox) -> None:
    namespace: dict[str, Any] = {}
    code = "def main_solution(a, b):\n    return [fence(Garden(a, b)), Garden(a, b).area()]\n" + GENERATOR
    exec(reference_of(sandbox, code), namespace)
    assert namespace["main_solution"](2, 3) == [10, 6]


def test_a_reply_may_define_anew_what_the_file_has(sandbox: Sandbox) -> None:
    code = "def fence(garden):\n    return 1\n\ndef main_solution(a, b):\n    return fence(a)\n" + GENERATOR
    reference = reference_of(sandbox, code)
    assert reference.count("def fence") == 1
    assert "all around" not in reference


def test_example_runs_of_a_reply_are_left_out(sandbox: Sandbox) -> None:
    code = "def main_solution(a, b):\n    return a\n" + GENERATOR + "\nx = main_solution(1, 2)\nprint(x)\n"
    found = inspected(sandbox, code)
    assert found["function"]["reference_code"] == "def main_solution(a, b):\n    return a\n"


@pytest.mark.parametrize(
    ("code", "half", "reason", "words"),
    [
        ("def main_solution(a:\n    return a\n", "function", "syntax_error", "line 1"),
        ("def solve(a):\n    return a\n" + GENERATOR, "function", "no_entrypoint", "main_solution"),
        ("def main_solution():\n    return 1\n" + GENERATOR, "function", "no_entrypoint", "named parameters"),
        (
            "def main_solution(*a):\n    return 1\n" + GENERATOR,
            "function",
            "no_entrypoint",
            "named parameters",
        ),
        ("def main_solution(a):\n    return a\n", "generator", "no_generator", "input_generator"),
        (
            "def main_solution(a):\n    return a\ndef input_generator(n):\n    return {}\n",
            "generator",
            "no_generator",
            "no parameters",
        ),
        (
            "def main_solution(a, b):\n    return gone(a)\n" + GENERATOR,
            "function",
            "undefined_name",
            "'gone'",
        ),
        (
            "def main_solution(a, b):\n    return a * PRICE\n" + GENERATOR,
            "function",
            "undefined_name",
            "'PRICE'",
        ),
        (
            "def main_solution(a, b):\n    return int(input())\n" + GENERATOR,
            "function",
            "leftover_io",
            "input",
        ),
        (
            "def main_solution(a):\n    return show(Garden(a, a))\n" + GENERATOR,
            "function",
            "leftover_io",
            "matplotlib",
        ),
        (
            "import sys\ndef main_solution(a):\n    return sys.argv[a]\n" + GENERATOR,
            "function",
            "leftover_io",
            "sys.argv",
        ),
    ],
)
def test_faults_are_told(sandbox: Sandbox, code: str, half: str, reason: str, words: str) -> None:
    found = inspected(sandbox, code)
    assert found[half]["reason"] == reason
    assert words in found[half]["detail"]


def test_a_fault_of_one_half_leaves_the_other(sandbox: Sandbox) -> None:
    found = inspected(sandbox, "def main_solution(a):\n    return a\n")
    assert found["function"]["parameters"] == ["a"]
    found = inspected(sandbox, "def solve(a):\n    return a\n" + GENERATOR)
    assert "random.randint" in found["generator"]["input_generator"]


def test_what_python_refuses_only_as_it_compiles_is_a_fault_of_that_code(sandbox: Sandbox) -> None:
    bad = "def area(r):\n    from math import *\n    return pi * r\n"
    good = "def main_solution(a):\n    return a\n" + GENERATOR
    assert inspected(sandbox, good, bad)["function"]["parameters"] == ["a"]
    found = inspected(sandbox, "def main_solution(a, a):\n    return a\n" + GENERATOR)
    assert found["function"]["reason"] == "syntax_error"
    assert "random.randint" in found["generator"]["input_generator"]


def test_a_half_that_does_not_parse_leaves_the_other(sandbox: Sandbox) -> None:
    found = inspected(
        sandbox, "def main_solution(a):\n    return a\n\ndef input_generator():\n    return {(}\n"
    )
    assert found["function"]["parameters"] == ["a"]
    assert found["generator"]["reason"] == "syntax_error"
    found = inspected(sandbox, "def main_solution(a:\n    return a\n" + GENERATOR)
    assert found["function"]["reason"] == "syntax_error"
    assert "random.randint" in found["generator"]["input_generator"]
    first = "from random import randint as r\n" + GENERATOR.replace("random.randint", "r")
    found = inspected(sandbox, first + "def main_solution(a:\n    return a\n")
    assert found["generator"]["input_generator"].startswith("from random import randint as r\n")


def test_a_generator_may_take_rng(sandbox: Sandbox) -> None:
    code = "def main_solution(a):\n    return a\ndef input_generator(rng):\n    return {'a': rng.random()}\n"
    assert "rng.random()" in inspected(sandbox, code)["generator"]["input_generator"]


def test_nesting_that_crashes_the_parser_is_a_fault(sandbox: Sandbox) -> None:
    for code in ("(" * 100_000, "-" * 200_000 + "1", "[" * 150 + "]" * 150):
        found = inspected(sandbox, code)
        assert found["function"]["reason"] in ("syntax_error", "no_entrypoint")
        assert found["generator"]["reason"] in ("syntax_error", "no_generator")


def test_python_2_of_the_file_can_be_called(sandbox: Sandbox) -> None:
    old = (
        "def total(n):\n"
        '    print "adding", n\n'
        "    s = 0\n"
        "    for i in xrange(n):\n"
        "        s += i\n"
        "    return s\n"
        'n = int(raw_input("n? "))\n'
        "try:\n"
        "    print total(n)\n"
        "except ValueError, error:\n"
        "    print 'bad'\n"
    )
    code = "def main_solution(a, b):\n    return total(a)\n" + GENERATOR
    reference = reference_of(sandbox, code, old)
    assert "for i in range(n):" in reference
    assert "print" not in reference
    half = read_files(sandbox, [old])[0]
    assert half["definitions"].startswith("def total(n):")
    assert 'n = int(input("n? "))' in half["rest"]


def test_a_file_is_split_in_what_can_be_called_and_the_rest(sandbox: Sandbox) -> None:
    half = read_files(sandbox, [FILE])[0]
    assert "class Garden" in half["definitions"]
    assert "# the fence, in metres\ndef fence(garden):" in half["definitions"]
    assert "PRICE" not in half["definitions"]
    assert "def show" in half["rest"]
    assert "PRICE = float(input(" in half["rest"]
    assert "print(fence(Garden(2, 3)) * PRICE)" in half["rest"]


def test_a_file_in_another_language_is_all_rest(sandbox: Sandbox) -> None:
    source = "int main(void) { return 0; }\n"
    assert read_files(sandbox, [source]) == [{"definitions": "", "rest": source, "function": None}]


def test_words_that_a_file_defines_itself_are_not_taken_for_python_2(sandbox: Sandbox) -> None:
    source = """
class Table:
    def __init__(self, keys):
        self.keys = keys

    def has_key(self, key):
        return key in self.keys

    def __contains__(self, key):
        return self.has_key(key)
"""
    (read,) = read_files(sandbox, [source])
    assert "return self.has_key(key)" in read["definitions"]
