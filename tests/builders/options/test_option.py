"""Options describe themselves completely, and refuse values of a different type."""

import pickle
import subprocess
import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import ClassVar

import pytest

from builders.options import Limits, OptionError, Options, Recipe, Sampling, declared, part
from builders.options.option import option

OPTIONS = declared(Recipe)


@pytest.mark.parametrize("declaration", OPTIONS.values(), ids=OPTIONS)
def test_every_option_says_what_it_is(declaration):
    assert declaration.help.endswith(".")
    assert declaration.flag == "SOURCE" or declaration.flag.startswith("--")
    assert declaration.name == "source" or declaration.checked(declaration.default) == declaration.default


def test_each_field_is_declared_once_and_is_an_option():
    assert set(OPTIONS) == {field.name for field in fields(Recipe)}
    assert len({declaration.flag for declaration in OPTIONS.values()}) == len(OPTIONS)


def test_a_new_field_is_an_option_wherever_a_class_has_it():
    @dataclass(frozen=True, kw_only=True)
    class Extra(Sampling):
        section: ClassVar[str] = "extra"
        top_k: int | None = option(None, "Most tokens to choose from.", min=1)

    options = declared(Extra)
    assert next(iter(options)) == "top_k"
    assert (options["top_k"].flag, options["top_k"].section, options["top_k"].kind) == (
        "--top-k",
        "extra",
        int,
    )
    assert options["temperature"] == OPTIONS["temperature"]


def test_a_part_has_the_values_of_the_whole():
    options = Options(source="a", seed=3, temperature=0.5, cpu_s=2)
    assert part(options, Limits) == Limits(2, 30, 1024)
    assert part(options, Sampling) == Sampling(seed=3, temperature=0.5)


@pytest.mark.parametrize(
    ("name", "value", "typed"),
    [
        ("temperature", 1, 1.0),
        ("cpu_s", 5.0, 5),
        ("cpu_s", 6, 6.0),
        ("limit", None, None),
        ("base_url", ["a", "b"], ("a", "b")),
        ("out", "x/y", Path("x/y")),
        ("chat_template", {"a": [1, None]}, {"a": [1, None]}),
        ("keep_reasoning", True, True),
    ],
)
def test_values_are_taken_in_the_type_of_the_option(name, value, typed):
    checked = OPTIONS[name].checked(value)
    assert (checked, type(checked)) == (typed, type(typed))


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("limit", "3", 'must be a whole number, not "3"'),
        ("limit", True, "must be a whole number, not true"),
        ("limit", 3.0, "must be a whole number, not 3.0"),
        ("limit", 0, "must be 1 or more, not 0"),
        ("max_pairs", 101, "must be between 1 and 100, not 101"),
        ("max_pairs", None, "must be a whole number, not null"),
        ("temperature", float("nan"), "must be a number, not NaN"),
        ("license", False, "must be text, not false; put it in quotes"),
        ("license", 1.0, "must be text, not 1.0; put it in quotes"),
        ("out", 3, "must be a path, not 3; put it in quotes"),
        ("keep_reasoning", "yes", 'must be true or false, not "yes"'),
        ("base_url", "http://a", 'must be a list of strings, not "http://a"; write [TEXT, TEXT]'),
        ("base_url", [1], "must be a list of strings, not [1]"),
        ("chat_template", {1: 2}, 'must be an object of JSON values, not {"1": 2}'),
        ("chat_template", {"a": {1}}, 'must be an object of JSON values, not {"a": "{1}"}'),
        ("until", "nowhere", "choose one of raw_code, functions, io_pairs, tasks, responses, revisions,"),
        ("from_table", "codeio", "choose one of functions, io_pairs, tasks, turns"),
    ],
)
def test_other_values_are_refused_with_the_way_out(name, value, problem):
    with pytest.raises(OptionError) as caught:
        OPTIONS[name].checked(value)
    assert caught.value.name == name
    assert caught.value.problem.startswith(problem)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_a_long_value_is_shown_in_part():
    with pytest.raises(OptionError) as caught:
        OPTIONS["limit"].checked("x" * 10_000)
    assert len(str(caught.value)) < 120


def test_options_stand_on_the_standard_library():
    command = "import sys; before = {*sys.modules}; import builders.options; print(*{*sys.modules} - before)"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    packages = {name.split(".")[0] for name in done.stdout.split()} - {"builders"}
    assert packages <= set(sys.stdlib_module_names)
