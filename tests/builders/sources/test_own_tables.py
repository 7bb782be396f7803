import datetime
import gzip
import json
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Value

from builders.options import RawCodeOptions
from builders.schema import TABLES, content_id
from builders.sources.code_files import SourceError
from builders.sources.function_files import read_lines
from builders.sources.function_rows import ImportedFunctions
from builders.sources.own_tables import load_tables
from builders.tables.arrow import table
from builders.tables.folder import Folder
from tests.building import read_rows, run_codeio

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
GYM = {
    "code_sample": "import math\n\ndef main_solution(n):\n    return math.sqrt(n)",
    "input_generator": "def generate_inputs(rng: Random) -> dict:\n    return {'n': rng.randint(0, 10**6)}",
    "task_description": "What is the square root of n?",
    "input_output_spec": "Input: n (int). Output: return (float).",
    "difficulty": 3,
}
DEEP = json.loads('{"a":' * 40 + "1" + "}" * 40)


def imported(tmp_path, *rows, end="\n"):
    texts = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    file = tmp_path / "functions.jsonl"
    file.write_bytes(end.join(texts).encode())
    return read(file, tmp_path)


def read(source, tmp_path, limit=None, license=None):
    kept, dropped = ImportedFunctions(RawCodeOptions(license=license))(
        read_lines(str(source), tmp_path / "cache", limit)
    )
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
    ("schema", "kept"),
    [
        ({"type": "object", "properties": {}}, '{"properties":{},"type":"object"}'),
        ('{"type": "object"}', '{"type":"object"}'),
        (True, "true"),
        ("", None),
        (None, None),
    ],
)
def test_a_schema_is_kept_as_canonical_text(tmp_path, schema, kept):
    (row,), _ = imported(tmp_path, {**OWN, "input_schema": schema})
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
    kept, dropped = read(file, tmp_path)
    assert ([row["query"] for row in kept], dropped) == ([OWN["query"]], [])


@pytest.mark.parametrize("damaged", ["no parquet", None])
def test_a_file_that_is_no_parquet_is_refused(tmp_path, damaged):
    file = tmp_path / "functions.parquet"
    pq.write_table(pa.table({"query": [str(n) for n in range(9000)]}), file)
    content = file.read_bytes()
    file.write_bytes(damaged.encode() if damaged else content[:99] + b"\x07" * 9000 + content[9099:])
    with pytest.raises(SourceError, match=r"functions.parquet cannot be read \("):
        read_lines(str(file), tmp_path / "cache")


@pytest.mark.parametrize("pairs", ["values", "json", "text", "texts"])
def test_the_pairs_of_the_release_come_from_parquet_exactly(tmp_path, pairs):
    """A Parquet file holds them as typed values, as datasets' JSON, as one JSON text or one per value."""
    ios = [{"input": {"a": 1 / 3, "b": [2**53 + 1]}, "output": 1e-12}]
    texts = [{side: json.dumps(value) for side, value in pair.items()} for pair in ios]
    sides = [
        pa.ExtensionArray.from_storage(pa.json_(), pa.array([texts[0][side]])) for side in ("input", "output")
    ]
    column = {
        "values": lambda: pa.array([ios]),
        "json": lambda: pa.ListArray.from_arrays(
            [0, 1], pa.StructArray.from_arrays(sides, ["input", "output"])
        ),
        "text": lambda: pa.array([json.dumps(ios)]),
        "texts": lambda: pa.array([texts]),
    }[pairs]()
    release = pa.table({name: [value] for name, value in REFERENCE.items() if name != "ios"})
    file = tmp_path / "raw.parquet"
    pq.write_table(release.append_column("ios", column), file)
    (function,), dropped = read(file, tmp_path)
    exact = {"input": '{"a":0.3333333333333333,"b":[9007199254740993]}', "output": "1e-12"}
    assert (function["recorded"], dropped) == ([exact], [])


@pytest.mark.parametrize("pair", [{"input": "abc", "output": 1}, {"input": '{"a": 1}', "output": "abc"}])
def test_a_text_for_an_input_is_json_or_no_pair(tmp_path, pair):
    (function,), (drop,) = imported(tmp_path, {**REFERENCE, "ios": [pair]})
    assert (function["recorded"], drop["drop_reason"]) == ([], "not_json")


def test_a_folder_is_read_in_the_order_of_its_files(tmp_path):
    folder = tmp_path / "release"
    (folder / "more").mkdir(parents=True)
    with gzip.open(folder / "a.jsonl.gz", "wt", encoding="utf-8") as file:
        file.write(f"{json.dumps(GYM)}\n\nbroken\n")
    (folder / "b.jsonl").write_text(json.dumps(REFERENCE))
    pq.write_table(pa.Table.from_pylist([OWN, {**OWN, "query": ""}]), folder / "more" / "c.parquet")
    (folder / "LICENSE.txt").write_text("none of it is a table")
    kept, dropped = read(folder, tmp_path)
    assert [row["query"] for row in kept] == [GYM["task_description"], "q", OWN["query"]]
    assert [(row["row_id"], row["drop_reason"]) for row in dropped] == [
        ("a.jsonl.gz:3", "broken_json"),
        ("more/c.parquet:2", "missing_column"),
    ]
    first, _ = read(folder, tmp_path, limit=1)
    assert first == kept[:1]


def test_a_byte_order_mark_is_no_part_of_a_row(tmp_path):
    (tmp_path / "functions.jsonl").write_bytes(b"\xef\xbb\xbf" + json.dumps(OWN).encode())
    kept, dropped = read(tmp_path / "functions.jsonl", tmp_path)
    assert (len(kept), dropped) == (1, [])


def test_a_file_that_changed_is_read_again(tmp_path):
    (tmp_path / "one").mkdir()
    for query in ("old", "newer"):
        kept, _ = imported(tmp_path / "one", {**OWN, "query": query})
        assert kept[0]["query"] == query


def test_a_stated_licence_holds_where_a_row_names_none(tmp_path):
    file = tmp_path / "functions.jsonl"
    lines_given = [GYM, {**GYM, "task_description": "?", "license": "isc"}, OWN, REFERENCE]
    file.write_text("\n".join(map(json.dumps, lines_given)))
    kept, _ = read(file, tmp_path, license="Apache-2.0")
    assert [row["license"] for row in kept] == ["apache-2.0", "isc", "apache-2.0", "apache-2.0"]
    assert [row["license"] for row in read(file, tmp_path)[0]] == [None, "isc", None, None]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.jsonl", b'{"prompt": "x", "turn_1": "y"}', "a.jsonl:1 has no known layout: its columns are"),
        ("a.jsonl", b"\nbroken\n{}", "a.jsonl:3 has no known layout: its columns are none"),
        ("a.jsonl.gz", gzip.compress(b'[\n{"refcode": "x"}\n]', mtime=0), "a.jsonl.gz:1 begins a JSON array"),
        ("a.jsonl.gz", gzip.compress(json.dumps(OWN).encode(), mtime=0)[:-9], "a.jsonl.gz cannot be read ("),
        ("a.jsonl.gz", b"no gzip", "a.jsonl.gz cannot be read ("),
        ("a.jsonl", b"\n\n", "a.jsonl: there are no rows"),
        ("a.csv", b"reference_code,query", "holds no table of functions: give .jsonl, .jsonl.gz, .parquet"),
    ],
)
def test_a_table_that_is_none_of_functions_is_refused_in_a_sentence(tmp_path, name, content, words):
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / name).write_bytes(content)
    with pytest.raises(SourceError) as error:
        read_lines(str(folder), tmp_path / "cache")
    assert words in str(error.value)
    if "layout" in words:
        for column in ("reference_code", "refcode", "funcname", "code_sample", "task_description"):
            assert column in str(error.value)


def test_a_later_row_of_no_known_layout_is_dropped(tmp_path):
    kept, (drop,) = imported(tmp_path, OWN, {"prompt": "x"})
    assert len(kept) == 1
    assert (drop["drop_reason"], drop["drop_detail"]) == ("unknown_layout", "it has the columns prompt")


def test_functions_of_reasoning_gym_are_drawn_with_its_rng(monkeypatch, tmp_path):
    file = tmp_path / "codeio.jsonl.gz"
    with gzip.open(file, "wt", encoding="utf-8") as out:
        generator = "def generate_inputs(random: Random):\n    return {'n': random.randrange(10**6)}"
        for row in (GYM, {**GYM, "input_generator": generator, "task_description": "And of n?"}):
            out.write(f"{json.dumps(row)}\n")
    options = ("--from", "functions", "--until", "io_pairs", "--test-share", 0)
    for folder in ("one", "two"):
        assert run_codeio(monkeypatch, "build", file, "--out", tmp_path / folder, *options) == 0
    pairs = read_rows(tmp_path / "one", "io_pairs")
    assert len(pairs) == 6
    assert len({pair["input"] for pair in pairs}) == 6
    assert pairs == read_rows(tmp_path / "two", "io_pairs")
    for function in read_rows(tmp_path / "one", "functions"):
        assert function["entrypoint"] == "main_solution"
        namespace = {}
        exec(function["input_generator"], namespace)
        assert set(namespace["input_generator"](random.Random(1))) == {"n"}


def folder(tmp_path, **changes):
    """Write a folder with one row in each table, except for the tables in `changes`. Return its path."""
    ids = {"function_id": content_id("function"), "pair_id": content_id("io_pair"), "task_id": "t"}
    texts = dict.fromkeys(
        ("input", "output", "direction", "prompt", "response_id", "response", "status"), "1"
    )
    contents = {
        name: table([{**ids, **texts, "sample": 0, "turn": 0}], TABLES[name].features)
        for name in ("functions", "io_pairs", "tasks", "turns")
    }
    for name, dataset in (contents | changes).items():
        Folder(tmp_path).write(name, {"train": dataset})
    return str(tmp_path)


def test_tables_have_the_columns_and_types_of_the_contract(tmp_path):
    functions = table([{"function_id": content_id("function")}], TABLES["functions"].features)
    pairs = table(
        [{"pair_id": "p", "function_id": content_id("function"), "input": "1", "output": "2", "seed": 7}],
        TABLES["io_pairs"].features,
    )
    source = folder(
        tmp_path,
        functions=functions.add_column("note", ["mine"]),
        io_pairs=pairs.cast_column("seed", Value("int32")),
    )
    loaded = load_tables(source, "io_pairs")
    assert {name: rows.features for name, rows in loaded.items()} == {
        name: TABLES[name].features for name in ("functions", "io_pairs")
    }
    assert loaded["io_pairs"]["seed"][:] == [7]


@pytest.mark.parametrize(
    ("name", "rows", "words"),
    [
        (
            "functions",
            table([{}], TABLES["functions"].features).remove_columns(["query", "license"]),
            "table functions has no column query, license",
        ),
        (
            "io_pairs",
            table([{}], TABLES["io_pairs"].features).remove_columns(["seed"]).add_column("seed", [["a"]]),
            "table io_pairs cannot be read",
        ),
        (
            "functions",
            table([{"function_id": "other"}], TABLES["functions"].features),
            "1 of 1 rows of table io_pairs name a function_id that table functions does not have, such as "
            + content_id("function"),
        ),
        (
            "io_pairs",
            table([{"pair_id": "other"}], TABLES["io_pairs"].features),
            "table io_pairs name a function_id",
        ),
        ("tasks", table([{"task_id": "other"}], TABLES["tasks"].features), "table tasks name a function_id"),
        (
            "turns",
            table([{"task_id": "lost"}] * 2, TABLES["turns"].features),
            "2 of 2 rows of table turns name a task_id that table tasks does not have, such as lost",
        ),
        (
            "io_pairs",
            table(
                [{"pair_id": content_id("io_pair"), "function_id": content_id("function"), "output": "1"}],
                TABLES["io_pairs"].features,
            ),
            "a row of table io_pairs has no input",
        ),
        (
            "raw_code",
            table([{"code_id": "c"}], TABLES["raw_code"].features),
            "table functions name a code_id",
        ),
    ],
)
def test_tables_that_do_not_fit_are_refused_in_a_sentence(tmp_path, name, rows, words):
    with pytest.raises(SourceError) as error:
        load_tables(folder(tmp_path, **{name: rows}), "turns")
    assert words in str(error.value)
    assert "Give" in str(error.value)


def test_a_folder_with_a_broken_file_is_refused(tmp_path):
    (file,) = Folder(tmp_path / folder(tmp_path)).files("tasks")
    file.write_bytes(b"no parquet")
    with pytest.raises(SourceError, match="cannot be read"):
        load_tables(str(tmp_path), "turns")


def test_a_table_without_its_parents_is_refused(tmp_path):
    file = tmp_path / "io_pairs.parquet"
    file.write_bytes(b"")
    with pytest.raises(SourceError, match="give the folder"):
        load_tables(str(file), "io_pairs")
