"""The declarations of tables: a change of a published column, key or id fails a test here."""

import ast
import subprocess
import sys
from dataclasses import replace

import pytest
from datasets import Features, List, Value

from builders.schema import CONVERSATIONS, TABLES, ancestors, features_of, is_parent, parents, stages

TEXT, NUMBER, TRUTH = Value("string"), Value("int64"), Value("bool")
MESSAGES = List({"role": TEXT, "content": TEXT})
TURN = {
    "response_id": TEXT,
    "turn": NUMBER,
    "response": TEXT,
    "reasoning": TEXT,
    "prediction": TEXT,
    "status": TEXT,
    "feedback": TEXT,
    "answer_forced": TRUTH,
    "finish_reason": TEXT,
    "model": TEXT,
    "sampling": TEXT,
    "prompt_id": TEXT,
    "n_prompt_tokens": NUMBER,
    "n_completion_tokens": NUMBER,
}
TASK = {"task_id": TEXT, "pair_id": TEXT, "function_id": TEXT, "direction": TEXT, "prompt": TEXT}
PUBLISHED = {
    "raw_code": {
        "code_id": TEXT,
        "content": TEXT,
        "parses": TRUTH,
        "language": TEXT,
        "source": TEXT,
        "path": TEXT,
        "revision": TEXT,
        "license": TEXT,
    },
    "functions": {
        "function_id": TEXT,
        "code_id": TEXT,
        "query": TEXT,
        "io_description": TEXT,
        "reference_code": TEXT,
        "entrypoint": TEXT,
        "input_generator": TEXT,
        "input_schema": TEXT,
        "output_schema": TEXT,
        "license": TEXT,
        "model": TEXT,
        "prompt_id": TEXT,
    },
    "io_pairs": {
        "pair_id": TEXT,
        "function_id": TEXT,
        "input": TEXT,
        "output": TEXT,
        "seed": NUMBER,
        "draw": NUMBER,
    },
    "tasks": TASK,
    "turns": {"response_id": TEXT, "task_id": TEXT, "sample": NUMBER, **TURN},
    "codeio": {
        "task_id": TEXT,
        "sample": NUMBER,
        "direction": TEXT,
        "messages": MESSAGES,
        "status": TEXT,
        "answer_forced": TRUTH,
        "license": TEXT,
        "source": TEXT,
    },
    "codeio_pp": {
        "task_id": TEXT,
        "sample": NUMBER,
        "direction": TEXT,
        "messages": MESSAGES,
        "n_turns": NUMBER,
        "statuses": List(TEXT),
        "answers_forced": List(TRUTH),
        "license": TEXT,
        "source": TEXT,
        "prompt": TEXT,
        "turn_1": TEXT,
        "feedback_1": TEXT,
        "turn_2": TEXT,
        "feedback_2": TEXT,
    },
    "rlvr": {
        "task_id": TEXT,
        "prompt": MESSAGES,
        "direction": TEXT,
        "reference_code": TEXT,
        "entrypoint": TEXT,
        "input": TEXT,
        "output": TEXT,
        "pass_rate": Value("float64"),
        "n_samples": NUMBER,
        "pass_rate_model": TEXT,
    },
    "preference": {
        "task_id": TEXT,
        "turn": NUMBER,
        "prompt": MESSAGES,
        "chosen": MESSAGES,
        "rejected": MESSAGES,
    },
    "dropped": {
        "stage": TEXT,
        "row_id": TEXT,
        "parent_id": TEXT,
        "drop_reason": TEXT,
        "drop_detail": TEXT,
        "content": TEXT,
    },
}


def test_columns_and_their_types_stay_as_they_are_published():
    assert list(TABLES) == list(PUBLISHED)
    for name, columns in PUBLISHED.items():
        assert TABLES[name].features == Features(columns)
        assert list(TABLES[name].features) == list(columns)
    assert CONVERSATIONS.features == Features({**TASK, "sample": NUMBER, "turns": List(TURN)})


def test_keys_stay_as_they_are_published():
    assert {name: table.key for name, table in TABLES.items()} == {
        "raw_code": ("code_id",),
        "functions": ("function_id",),
        "io_pairs": ("pair_id",),
        "tasks": ("task_id",),
        "turns": ("response_id",),
        "codeio": ("task_id", "sample"),
        "codeio_pp": ("task_id", "sample"),
        "rlvr": ("task_id",),
        "preference": ("task_id", "turn"),
        "dropped": ("stage", "row_id", "parent_id"),
    }


FUNCTION = {
    "reference_code": "def f(n):\n    return n + 1\n",
    "entrypoint": "f",
    "input_generator": "def input_generator():\n    return {'n': 1}\n",
    "query": "What is one more? Ünd?",
}
IDS = {
    "raw_code": ({"content": "print('a')\n"}, "ced4ede5850ec674"),
    "functions": (FUNCTION, "9f1c708641096985"),
    "io_pairs": ({"function_id": "0" * 16, "input": '{"n":1}', "output": "2"}, "e3aa57924bbee3a5"),
    "tasks": ({"pair_id": "1" * 16, "direction": "output", "prompt": "Predict."}, "7cf317966ee2674e"),
    "turns": (
        {"request": {"messages": [], "temperature": 0.7}, "model": "m", "sample": 1},
        "daf7d010504d68c3",
    ),
}


@pytest.mark.parametrize("name", IDS)
def test_ids_stay_as_they_are_published(name):
    row, published = IDS[name]
    assert TABLES[name].id({**row, "license": "other columns do not count"}) == published
    for column in row:
        assert TABLES[name].id({**row, column: "another"}) != published


def test_every_table_with_an_id_is_tried_above():
    assert set(IDS) == {name for name, table in TABLES.items() if table.id_column}


def test_how_tables_hang_together():
    above = {name: [parent.name for parent in parents(table)] for name, table in TABLES.items()}
    views = {name: ["tasks"] for name in ("turns", "codeio", "codeio_pp", "rlvr", "preference")}
    assert above == {
        "raw_code": [],
        "functions": ["raw_code"],
        "io_pairs": ["functions"],
        "tasks": ["functions", "io_pairs"],
        **views,
        "dropped": [],
    }
    assert [name for name, table in TABLES.items() if is_parent(table)] == list(above)[:4]
    # A function may be published without its file.
    assert [table.name for table in ancestors(TABLES["turns"])] == ["tasks", "io_pairs", "functions"]
    assert ancestors(TABLES["functions"]) == []
    assert [name for name, table in TABLES.items() if table.is_split] == ["tasks", *views]


def test_what_no_row_can_do_without():
    assert {name: table.required for name, table in TABLES.items()} == {
        "raw_code": ["code_id", "content"],
        "functions": ["function_id", "query", "reference_code", "entrypoint"],
        "io_pairs": ["pair_id", "function_id", "input", "output"],
        "tasks": ["task_id", "pair_id", "function_id", "direction", "prompt"],
        "turns": ["response_id", "task_id", "sample", "turn", "response", "status"],
        "codeio": ["task_id", "sample"],
        "codeio_pp": ["task_id", "sample"],
        "rlvr": ["task_id"],
        "preference": ["task_id", "turn"],
        "dropped": [],
    }


def flagged(flag):
    return {
        name: columns
        for name, table in TABLES.items()
        if (columns := [label for label, column in table.columns.items() if getattr(column, flag)])
    }


def test_which_texts_are_searched_and_which_are_json():
    assert flagged("searched") == {
        "raw_code": ["content", "path"],
        "functions": ["query", "io_description", "reference_code", "input_generator"],
        "turns": ["response", "reasoning"],
        "dropped": ["drop_detail", "content"],
    }
    assert flagged("repeats") == {
        "tasks": ["prompt"],
        "codeio": ["messages"],
        "codeio_pp": ["messages"],
        "rlvr": ["reference_code"],
        "preference": ["chosen", "rejected"],
    }
    assert flagged("is_json") == {"io_pairs": ["input", "output"], "turns": ["sampling"]}


def test_what_is_repeated_is_searched_where_it_stands_first():
    for table in TABLES.values():
        for column in table.columns.values():
            assert column.repeats is None or any(
                first.searched for first in TABLES[column.repeats].columns.values()
            )


def test_declarations_fit_their_columns():
    for name, table in TABLES.items():
        assert table.name == name
        assert table.row
        assert all(column.meaning for column in table.columns.values())
        assert set(table.key) <= set(table.columns)
        assert table.grade is None or table.grade in table.columns
        for thing in table.things:
            assert set(thing.columns) <= set(table.columns)
            assert thing.made_by in table.made_by
        assert bool(table.hashed) == bool(table.kind)


def test_stages_in_order():
    assert stages() == [
        *("raw_code", "functions", "io_pairs", "tasks", "responses", "verdicts", "revisions", "turns"),
        *("codeio", "codeio_pp", "rlvr", "preference"),
    ]


def test_types_nest():
    assert features_of({"a": [{"b": ["int64"]}]}) == Features({"a": List({"b": List(Value("int64"))})})


def test_a_table_is_what_is_declared():
    """A copy of a declaration does not share its cached features."""
    table = TABLES["io_pairs"]
    assert table.features
    narrower = replace(table, columns={"pair_id": table.columns["pair_id"]})
    assert list(narrower.features) == ["pair_id"]


def test_declarations_need_no_library():
    code = "import sys, builders.schema; print(sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    packages = set(ast.literal_eval(done.stdout)) - set(sys.stdlib_module_names)
    assert {name for name in packages if not name.startswith("_")} <= {"builders", "sitecustomize"}
