import datetime
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Value

from builders.folder import Folder
from builders.function_lines import ImportedFunctions, lines
from builders.imports import tables
from builders.schema import TABLES, content_id, table
from builders.source_files import SourceError

OWN = {
    "reference_code": "def f(n):\n    return n\n",
    "entrypoint": "f",
    "input_generator": "def input_generator():\n    return {'n': 1}\n",
    "query": "What does f give?",
}
REFERENCE = {
    "problem_description": "q",
    "io_requirements": "io",
    "refcode": "def f(a): return a",
    "funcname": "f",
    "ios": [{"input": {"a": 1}, "output": 1}],
}
DEEP = json.loads('{"a":' * 40 + "1" + "}" * 40)


def imported(tmp_path, *rows, end="\n"):
    texts = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    file = tmp_path / "functions.jsonl"
    file.write_bytes(end.join(texts).encode())
    kept, dropped = ImportedFunctions()(lines(str(file)))
    return kept.to_list(), dropped.to_list()


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_only_a_newline_ends_a_line(tmp_path, end):
    queries = ["one\u2028two", "one\x85two", "one\x0ctwo"]
    kept, dropped = imported(tmp_path, *({**OWN, "query": query} for query in queries), "", end=end)
    assert ([row["query"] for row in kept], dropped) == (queries, [])


@pytest.mark.parametrize(
    ("row", "reason", "detail"),
    [
        ({**OWN, "license": ["mit"]}, "bad_column", "license is no text but list"),
        ({**OWN, "license": float("nan")}, "bad_column", "license is no text but float"),
        ({**OWN, "reference_code": ["a"]}, "bad_column", "reference_code is no text but list"),
        ({**OWN, "entrypoint": 5}, "bad_column", "entrypoint is no text but int"),
        (json.dumps({**OWN, "io_description": "\ud800"}), "bad_column", "io_description"),
        ({**OWN, "query": ""}, "missing_column", "no query"),
        ({**OWN, "input_schema": "not json"}, "bad_schema", "input_schema"),
        ({**OWN, "output_schema": {"minimum": float("inf")}}, "bad_schema", "output_schema"),
        ({**REFERENCE, "io_requirements": ["io"]}, "bad_column", "io_requirements is no text but list"),
        ({**REFERENCE, "ios": 5}, "bad_column", "ios is no list but int"),
        ({**REFERENCE, "ios": [{"input": {"a": DEEP}, "output": 1}]}, "bad_schema", "nested deeper"),
        ({**REFERENCE, "funcname": None, "ios": []}, "missing_column", "no funcname, ios"),
        ("[1]", "broken_json", "not an object"),
        ('"refcode"', "broken_json", "not an object"),
        ("[" * 100_000, "broken_json", "recursion"),
        ('{"n": ' + "9" * 5000 + "}", "broken_json", "4300 digits"),
    ],
)
def test_a_line_that_tells_no_function_is_dropped_with_its_reason(tmp_path, row, reason, detail):
    kept, (drop,) = imported(tmp_path, row, OWN)
    assert [function["query"] for function in kept] == [OWN["query"]]
    assert (drop["row_id"], drop["drop_reason"]) == ("functions.jsonl:1", reason)
    assert detail in drop["drop_detail"]
    assert drop["content"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"type": "object", "properties": {}}, '{"properties":{},"type":"object"}'),
        ('{"type": "object"}', '{"type":"object"}'),
        (True, "true"),
        ("", None),
        (None, None),
    ],
)
def test_a_schema_is_kept_as_canonical_text(tmp_path, given, kept):
    (row,), _ = imported(tmp_path, {**OWN, "input_schema": given})
    assert row["input_schema"] == kept


def test_a_pair_that_is_none_costs_the_others_nothing(tmp_path):
    pairs = [{"input": {"a": float("nan")}, "output": 1}, 5, {"input": {"a": 1}}, *REFERENCE["ios"]]
    (function,), dropped = imported(tmp_path, {**REFERENCE, "ios": pairs})
    assert function["recorded"] == [{"input": '{"a":1}', "output": "1"}]
    assert [drop["drop_reason"] for drop in dropped] == ["not_json", "bad_pair", "bad_pair"]
    assert [drop["row_id"] for drop in dropped] == [f"functions.jsonl:1#{index}" for index in range(3)]
    assert {drop["parent_id"] for drop in dropped} == {function["function_id"]}


def test_functions_come_from_parquet_too(tmp_path):
    file = tmp_path / "functions.parquet"
    pq.write_table(pa.Table.from_pylist([{**OWN, "made": datetime.datetime(2026, 1, 1)}]), file)
    kept, dropped = ImportedFunctions()(lines(str(file)))
    assert (kept["query"][:], len(dropped)) == ([OWN["query"]], 0)


@pytest.mark.parametrize("damaged", ["no parquet", None])
def test_a_file_that_is_no_parquet_is_refused(tmp_path, damaged):
    file = tmp_path / "functions.parquet"
    pq.write_table(pa.table({"query": [str(n) for n in range(9000)]}), file)
    content = file.read_bytes()
    file.write_bytes(damaged.encode() if damaged else content[:99] + b"\x07" * 9000 + content[9099:])
    with pytest.raises(SourceError, match=r"functions.parquet cannot be read \("):
        lines(str(file))


def folder(tmp_path, **changes):
    """A table of each kind with one row, but for what is changed."""
    ids = {"function_id": content_id("function"), "pair_id": content_id("io_pair"), "task_id": "t"}
    texts = dict.fromkeys(
        ("input", "output", "direction", "prompt", "response_id", "response", "status"), "1"
    )
    found = {
        name: table([{**ids, **texts, "sample": 0, "turn": 0}], TABLES[name])
        for name in ("functions", "io_pairs", "tasks", "turns")
    }
    for name, rows in (found | changes).items():
        Folder(tmp_path).write(name, {"train": rows})
    return str(tmp_path)


def test_tables_have_the_columns_and_types_of_the_contract(tmp_path):
    functions = table([{"function_id": content_id("function")}], TABLES["functions"])
    pairs = table(
        [{"pair_id": "p", "function_id": content_id("function"), "input": "1", "output": "2", "seed": 7}],
        TABLES["io_pairs"],
    )
    source = folder(
        tmp_path,
        functions=functions.add_column("note", ["mine"]),
        io_pairs=pairs.cast_column("seed", Value("int32")),
    )
    found = tables(source, "io_pairs")
    assert {name: rows.features for name, rows in found.items()} == {
        name: TABLES[name] for name in ("functions", "io_pairs")
    }
    assert found["io_pairs"]["seed"][:] == [7]


@pytest.mark.parametrize(
    ("name", "rows", "said"),
    [
        (
            "functions",
            table([{}], TABLES["functions"]).remove_columns(["query", "license"]),
            "table functions has no column query, license",
        ),
        (
            "io_pairs",
            table([{}], TABLES["io_pairs"]).remove_columns(["seed"]).add_column("seed", [["a"]]),
            "table io_pairs cannot be read",
        ),
        (
            "functions",
            table([{"function_id": "other"}], TABLES["functions"]),
            "1 of 1 rows of table io_pairs name a function_id that table functions does not have, such as "
            + content_id("function"),
        ),
        ("io_pairs", table([{"pair_id": "other"}], TABLES["io_pairs"]), "table io_pairs name a function_id"),
        ("tasks", table([{"task_id": "other"}], TABLES["tasks"]), "table tasks name a function_id"),
        (
            "turns",
            table([{"task_id": "lost"}] * 2, TABLES["turns"]),
            "2 of 2 rows of table turns name a task_id that table tasks does not have, such as lost",
        ),
        (
            "io_pairs",
            table(
                [{"pair_id": content_id("io_pair"), "function_id": content_id("function"), "output": "1"}],
                TABLES["io_pairs"],
            ),
            "a row of table io_pairs has no input",
        ),
        ("raw_code", table([{"code_id": "c"}], TABLES["raw_code"]), "table functions name a code_id"),
    ],
)
def test_tables_that_do_not_fit_are_refused_in_a_sentence(tmp_path, name, rows, said):
    with pytest.raises(SourceError) as error:
        tables(folder(tmp_path, **{name: rows}), "turns")
    assert said in str(error.value)
    assert "Give" in str(error.value)


def test_a_folder_with_a_broken_file_is_refused(tmp_path):
    (file,) = Folder(tmp_path / folder(tmp_path)).files("tasks")
    file.write_bytes(b"no parquet")
    with pytest.raises(SourceError, match="no Parquet file"):
        tables(str(tmp_path), "turns")


def test_a_table_without_its_parents_is_refused(tmp_path):
    file = tmp_path / "io_pairs.parquet"
    file.write_bytes(b"")
    with pytest.raises(SourceError, match="give the folder"):
        tables(str(file), "io_pairs")
