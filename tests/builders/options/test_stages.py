"""The identity of a stage has all options that decide its rows, and no others."""

from dataclasses import asdict, replace

import pytest

from builders.execution import Prover, Sandbox
from builders.functions.stage import Functions
from builders.inference import Client, RequestCache, Server
from builders.io_pairs import IOPairs
from builders.options import (
    FunctionsOptions,
    IOPairsOptions,
    Limits,
    Options,
    RawCodeOptions,
    Recipe,
    ResponsesOptions,
    Sampling,
    TrainingSetOptions,
    declared,
    part,
)
from builders.raw_code import RawCode
from builders.responses import Responses
from builders.revisions import Revisions
from builders.sources.function_rows import ImportedFunctions
from builders.training_set import VIEWS
from builders.verdicts import Verdicts

RECIPE = Recipe(source="a")
DIFFERENT = {"cpu_s": 0.5, "wall_s": 5.0, "until": "tasks", "from_table": "tasks"}
OF_THE_INPUT = {"source", "from_table", "limit", "content_column", "path_column", "license_column"}
"""Options that decide which rows a stage gets."""
OF_THE_TABLES = {"test_share", "turns"}
"""Options that decide how often a stage runs and which split its rows are in."""


@pytest.fixture(scope="module")
def makers(tmp_path_factory):
    """Yield, for each stage, the class of its options and a function that makes the stage from them."""
    cache = RequestCache(tmp_path_factory.mktemp("cache") / "requests.sqlite")
    with Sandbox() as sandbox, Prover() as prover:
        client = Client(Server("http://127.0.0.1:9", "m", "m"), cache)
        yield [
            (RawCodeOptions, lambda options: RawCode(options, sandbox)),
            (RawCodeOptions, lambda options: ImportedFunctions(options)),
            (FunctionsOptions, lambda options: Functions(options, client, sandbox)),
            (IOPairsOptions, lambda options: IOPairs(options, sandbox, prover)),
            (ResponsesOptions, lambda options: Responses(options, client)),
            (Sampling, lambda options: Revisions(options, client, 1)),
            (Limits, lambda options: Verdicts(options, prover)),
            *((TrainingSetOptions, view) for view in VIEWS),
        ]


def different(option):
    """Return a value that is not the default of the option."""
    if option.name in DIFFERENT:
        return DIFFERENT[option.name]
    if option.kind is bool:
        return not option.default
    if option.kind in (int, float):
        return (option.default or 20) + (1 if option.kind is int else 0.01)
    return {"kept": "other"} if option.kind is dict else option.kind("other")


@pytest.mark.parametrize("option", declared(Recipe).values(), ids=declared(Recipe))
def test_an_identity_changes_with_each_deciding_option_and_with_no_other(makers, option):
    other = replace(RECIPE, **{option.name: different(option)})
    assert asdict(other) != asdict(RECIPE)
    changed = []
    for kind, make in makers:
        before, after = make(part(RECIPE, kind)).full_identity(), make(part(other, kind)).full_identity()
        assert (before != after) == (option.name in declared(kind))
        changed.append(before != after)
    is_deciding = option.name in declared(Options)
    apart = OF_THE_INPUT | OF_THE_TABLES | {"chat_template"}  # the last is in the identity of the client
    assert any(changed) == (is_deciding and option.name not in apart)


def test_limits_above_those_of_a_trial_decide_nothing_of_a_function(makers):
    ((_, make),) = [(kind, make) for kind, make in makers if kind is FunctionsOptions]
    high, higher = FunctionsOptions(cpu_s=10, wall_s=60), FunctionsOptions(cpu_s=20, wall_s=90)
    assert make(high).full_identity() == make(higher).full_identity()
