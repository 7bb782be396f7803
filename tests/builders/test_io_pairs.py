import json

import pytest

from builders.execution import Draw, Job, Limits, Prover, Sandbox
from builders.io_pairs import IOPairs
from builders.options import IOPairsOptions, RawCodeOptions
from builders.schema import TABLES, content_id, features_of
from builders.sources.function_rows import ImportedFunctions
from builders.stage import Drop
from builders.tables.arrow import table

LIMITS = Limits(cpu_s=0.1, wall_s=10)
OPTIONS = IOPairsOptions(**vars(LIMITS))
NUMBER = "def input_generator():\n    return {'n': random.randint(0, 10**6)}\n"


@pytest.fixture(scope="module")
def stage():
    with Sandbox(LIMITS) as sandbox:
        yield IOPairs(OPTIONS, sandbox, Prover.sharing(sandbox))


def function(code, generator=NUMBER, **changes):
    row = dict.fromkeys(TABLES["functions"].columns)
    row |= {"query": "q", "reference_code": code, "entrypoint": "f"}
    row |= {"input_generator": "import random\n" + generator}
    return row | {"function_id": content_id("function", code, generator), "code_id": "c"} | changes


def paired(stage, *rows):
    return list(stage.rows(list(rows)))


def test_pairs_are_what_the_code_returns_for_what_was_drawn(stage):
    row = function("def f(n): return {'half': n // 2, 'odd': n % 2 == 1}")
    pairs = paired(stage, row)
    assert len(pairs) == 3
    assert set(pairs[0]) == set(TABLES["io_pairs"].columns)
    for pair in pairs:
        n = json.loads(pair["input"])["n"]
        assert json.loads(pair["output"]) == {"half": n // 2, "odd": n % 2 == 1}
        assert pair["pair_id"] == content_id("io_pair", row["function_id"], pair["input"], pair["output"])
    assert len({pair["input"] for pair in pairs}) == 3


# Code and generator of functions without pairs, and the reason.
PAIRLESS = [
    ("import random\ndef f(n): return random.random()", NUMBER, "nondeterministic"),
    ("import time\ndef f(n): return time.time()", NUMBER, "nondeterministic"),
    ("def f(n): return list({'a', 'b', 'c', 'd', str(n)})", NUMBER, "nondeterministic"),
    ("import os\ndef f(n): return os.urandom(4).hex()", NUMBER, "nondeterministic"),
    ("seen = []\ndef f(n):\n seen.append(n)\n return len(seen)", NUMBER, "nondeterministic"),
    ("import random\ndef f(n): return n if n % 3 else random.random()", NUMBER, "nondeterministic"),
    ("def f(n): return 'always'", NUMBER, "constant_output"),
    ("def f(n): raise ValueError('no')", NUMBER, "exception"),
    ("def f(n):\n  import nowhere_to_be_found", NUMBER, "missing_module"),
    ("import nowhere_to_be_found\ndef f(n): return n", NUMBER, "generator_failed"),
    ("def f(n):\n  while True: pass", NUMBER, "timeout"),
    ("def f(n): return {n, n + 1}", NUMBER, "not_json"),
    ("def f(n): return float('nan')", NUMBER, "not_json"),
    ("def f(n): return list(range(30))", NUMBER, "output_too_large"),
    ("def f(n): return n", "def input_generator(): return {'n': 'x' * 200}", "input_too_large"),
    ("def f(n): return n", "def input_generator(): return [1, 2]", "input_not_object"),
    ("def f(n): return n", "def input_generator(): raise KeyError('k')", "generator_failed"),
    ("def f(m): return m", NUMBER, "exception"),
    (
        "def f(n): return n",
        "def input_generator(): return {'n': random.Random().random()}",
        "generator_unseeded",
    ),
]


@pytest.fixture(scope="module")
def results(stage):
    """All that the stage makes of these, in one batch: it starts the workers that name causes once."""
    return paired(stage, *(function(code, generator) for code, generator, _ in PAIRLESS))


@pytest.mark.parametrize(("code", "generator", "reason"), PAIRLESS)
def test_what_makes_no_pair_is_dropped_with_its_reason(results, code, generator, reason):
    function_id = function(code, generator)["function_id"]
    (drop,) = [result for result in results if isinstance(result, Drop) and result.row_id == function_id]
    assert not any(pair["function_id"] == function_id for pair in results if not isinstance(pair, Drop))
    assert drop.reason == reason
    assert drop.content == code


HANGS = '"(a+)+$"'


@pytest.mark.parametrize(
    ("changes", "reason", "detail"),
    [
        ({"input_schema": "not json"}, "bad_schema", "input_schema: Expecting value"),
        ({"input_schema": "5"}, "bad_schema", "5 is not of type 'object', 'boolean'"),
        ({"input_schema": "null"}, "bad_schema", "None is not of type"),
        ({"output_schema": '{"type":"objekt"}'}, "bad_schema", "output_schema: 'objekt' is not valid"),
        ({"output_schema": '{"minimum":NaN}'}, "bad_schema", "NaN is not JSON"),
        ({"output_schema": '{"not":' * 99 + "{}" + "}" * 99}, "bad_schema", "nested deeper"),
        ({"output_schema": '{"$ref":"http://127.0.0.1:9/"}'}, "bad_schema", "$ref: not read"),
        ({"output_schema": '{"anyOf":[{"$dynamicRef":"#"}]}'}, "bad_schema", "$dynamicRef: not read"),
        ({"output_schema": '{"not":{"$schema":"http://x"}}'}, "bad_schema", "$schema: not read"),
        ({"input_schema": f'{{"items":{{"pattern":{HANGS}}}}}'}, "bad_schema", "pattern: not read"),
        ({"input_schema": f'{{"patternProperties":{{{HANGS}:{{}}}}}}'}, "bad_schema", "patternProperties"),
        ({"input_schema": '{"pattern":"a{99999999999}"}'}, "bad_schema", "pattern: not read"),
        ({"reference_code": None, "entrypoint": None}, "missing_column", "no reference_code, entrypoint"),
        ({"input_generator": None}, "no_generator", ""),
    ],
)
def test_a_function_of_strangers_that_is_of_no_use_is_dropped(stage, changes, reason, detail):
    kept, (drop,) = stage(table([function("def f(n): return n", **changes)], TABLES["functions"].features))
    assert (len(kept), drop["drop_reason"], drop["parent_id"]) == (0, reason, "c")
    assert detail in drop["drop_detail"]


def test_schemas_may_name_their_dialect_and_have_any_property(stage):
    schema = '{"$schema":"http://x","properties":{"n":{"type":"integer"},"pattern":{},"$ref":true}}'
    assert len(paired(stage, function("def f(n): return n", input_schema=schema))) == 3
    (drop,) = paired(stage, function("def f(n): return n", input_schema='{"required":["pattern"]}'))
    assert "input_schema_mismatch" in drop.detail


def test_the_input_is_the_one_before_the_call(stage):
    generator = "def input_generator(): return {'items': [random.randint(0, 99) for _ in range(4)]}"
    pairs = paired(stage, function("def f(items):\n  items.sort()\n  items.pop()\n  return items", generator))
    for pair in pairs:
        items = json.loads(pair["input"])["items"]
        assert len(items) == 4
        assert json.loads(pair["output"]) == sorted(items)[:3]


def test_draws_do_not_depend_on_their_company(stage):
    """A function's pairs depend neither on the rest of the batch nor on how many are drawn at once."""
    first, second = (
        function("def f(n): return n + 1"),
        function("def f(n): return n * 2", "def input_generator(rng):\n return {'n': rng.randint(0, 10**9)}"),
    )
    slow = function("def f(n):\n while n % 5 == 0: pass\n return n")
    alone = paired(stage, first)
    together = [pair for pair in paired(stage, slow, first, second) if not isinstance(pair, Drop)]
    assert [pair for pair in together if pair["function_id"] == first["function_id"]] == alone
    with Sandbox(LIMITS, workers=2) as sandbox:
        wider = IOPairs(OPTIONS, sandbox, Prover.sharing(sandbox))
        assert paired(wider, first, slow, second) == paired(stage, first, slow, second)


def test_a_pair_can_be_drawn_again_from_its_seed_and_number(stage):
    row = function("def f(n): return n + 1")
    for pair in paired(stage, row):
        (redrawn,) = stage.sandbox.draw(
            Draw(
                row["reference_code"],
                row["input_generator"],
                pair["seed"],
                pair["draw"],
                1,
                row["function_id"],
            )
        )
        assert redrawn.output == pair["input"]


def test_few_distinct_inputs_still_make_pairs(stage):
    pairs = paired(
        stage,
        function(
            "def f(n): return not n", "def input_generator(): return {'n': random.choice([True, False])}"
        ),
    )
    assert sorted(pair["input"] for pair in pairs) == ['{"n":false}', '{"n":true}']


def test_schemas_hold_on_every_pair(stage):
    row = function("def f(n): return n if n % 2 else str(n)", output_schema='{"type":"integer"}')
    assert all(isinstance(json.loads(pair["output"]), int) for pair in paired(stage, row))


def reference_line(code, ios):
    return {
        "problem_description": "q",
        "io_requirements": "io",
        "refcode": code,
        "funcname": "f",
        "ios": [{"input": given, "output": output} for given, output in ios],
    }


def imported(stage, *lines):
    rows = table(
        [{"place": f"x:{i}", "text": text} for i, text in enumerate(lines)],
        features_of({"place": "string", "text": "string"}),
    )
    functions, dropped = ImportedFunctions(RawCodeOptions())(rows)
    return paired(stage, *functions.to_list()), dropped


def test_recorded_pairs_are_proven_anew(stage):
    mutating = "def f(a):\n  a.append(len(a))\n  return list(a)"
    results, dropped = imported(
        stage,
        json.dumps(reference_line("def f(n): return n / 3", [({"n": 1}, 1 / 3), ({"n": 2}, 99)])),
        json.dumps(reference_line(mutating, [({"a": [7, 1]}, [7, 1]), ({"a": [7]}, [7, 1])])),
        json.dumps(
            reference_line(
                "import random\ndef f(n): return n * random.choice([1, 1, 1, 2])",
                [({"n": n}, n) for n in range(9)],
            )
        ),
        json.dumps(reference_line("def f(n): return n", [({"n": 1}, 1), ({"n": float("inf")}, 1)])),
        "{broken",
        json.dumps({"refcode": "x"}),
        json.dumps(reference_line("def f(n): return -n", [({"n": 1}, float("nan"))])),
    )
    kept = [row["input"] for row in results if not isinstance(row, Drop)]
    assert kept == ['{"n":1}', '{"a":[7]}', '{"n":1}']
    reasons = [row.reason for row in results if isinstance(row, Drop)]
    assert reasons[:2] == ["not_reproduced", "recorded_after_mutation"]
    assert set(reasons[2:-1]) <= {"nondeterministic", "sibling_nondeterministic"}
    assert len(reasons[2:-1]) == 9
    assert reasons[-1] == "no_generator"  # it has no recorded pair left, and nothing to draw inputs from
    assert dropped["drop_reason"] == ["not_json", "broken_json", "missing_column", "not_json"]


def test_every_pair_reproduces_in_a_fresh_interpreter(stage):
    """Workers that are started after the pairs were made return the same outputs."""
    rows = [
        function("def f(n): return sorted(str(n))"),
        function("from collections import Counter\ndef f(n): return dict(Counter(str(n)))"),
    ]
    pairs = paired(stage, *rows)
    assert len(pairs) == 6
    code = {row["function_id"]: row["reference_code"] for row in rows}
    with Sandbox(LIMITS) as sandbox:
        for pair in pairs:
            (run,) = sandbox.run(Job(code[pair["function_id"]], "f", [pair["input"]], seed=99))
            assert run.output == pair["output"]
