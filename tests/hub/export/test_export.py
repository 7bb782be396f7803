"""Exported files hold the rows of the tables, in the layouts that other tools read."""

import json
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Features, load_dataset

from builders.schema import TABLES
from builders.tables.arrow import table
from builders.tables.folder import Folder
from builders.verifier import canonical
from hub.export import FORMATS, ExportError
from hub.export.writer import export
from hub.rewards import REWARD_COLUMNS, compute_score, io_prediction_reward
from hub.versions import open_version

ODD = (
    "two\nlines, and \r\n a third",
    "line\u2028separator, \u2029, \x85, \x0c, \x1c",
    "\U0001f600 é 漢字 e\u0301 \u202e",
    '{"role": "user"} \\n " \'',
    "<|im_start|>system\n<think>",
    "",
    "123",
    "2020-01-01T00:00:00",
)
MESSAGES = [
    {"role": role, "content": text}
    for role, text in zip(("system", "user", "assistant", "user", "assistant"), ODD, strict=False)
]
ROWS = {
    "codeio": [
        {
            "task_id": f"t{n}",
            "sample": n,
            "direction": "output",
            "messages": [*MESSAGES[:2], {"role": "assistant", "content": text}],
            "status": "wrong",
            "answer_forced": bool(n % 2),
            "license": "mit",
        }
        for n, text in enumerate(ODD)
    ],
    "codeio_pp": [
        {
            "task_id": f"t{n}",
            "sample": 0,
            "direction": "input",
            "messages": MESSAGES[: 5 if n % 2 else 3],
            "n_turns": 1 + n % 2,
            "statuses": ["wrong", "correct"][: 1 + n % 2],
            "answers_forced": [False, True][: 1 + n % 2],
            "prompt": text,
            "turn_1": text,
            "feedback_1": text,
            "turn_2": text if n % 2 else None,
        }
        for n, text in enumerate(ODD)
    ],
    "rlvr": [
        {
            "task_id": f"t{n}",
            "prompt": MESSAGES[:2],
            "direction": ("input", "output")[n % 2],
            "reference_code": f"def f(n):\n    return n  # {text!r}\n",
            "entrypoint": "f",
            "input": canonical({"n": text}),
            "output": canonical(text),
            "pass_rate": None if n % 2 else 0.1,
            "n_samples": 1,
        }
        for n, text in enumerate(ODD)
    ],
    "preference": [
        {
            "task_id": f"t{n}",
            "turn": n,
            "prompt": MESSAGES[: 4 if n % 2 else 2],
            "chosen": [{"role": "assistant", "content": text}],
            "rejected": [{"role": "assistant", "content": text * 2}],
        }
        for n, text in enumerate(ODD)
    ],
}


@pytest.fixture
def made(tmp_path):
    """A version with all tables that are exported, two of them with both splits."""
    folder = Folder(tmp_path / "made")
    for config, rows in ROWS.items():
        parts = {"train": rows[:-3], "test": rows[-3:]} if config in ("codeio", "rlvr") else {"train": rows}
        (folder.root / ".codeio").mkdir(parents=True, exist_ok=True)
        features = TABLES[config].features
        folder.write(config, {split: table(part, features) for split, part in parts.items()})
    return open_version(str(folder.root))


def stored(made, config, split):
    files = [str(file) for file in made.folder.files(config) if file.name.startswith(f"{split}-")]
    return [row for file in files for row in pq.read_table(file).to_pylist()]


def json_rows(file):
    return [json.loads(line) for line in file.read_text().splitlines()]


def without(row, *columns):
    return {column: value for column, value in row.items() if column not in columns}


REFERENCE = ("prompt", "turn_1", "feedback_1", "turn_2", "feedback_2")


def test_llamafactory_rows_are_those_of_the_tables(made, tmp_path):
    out = tmp_path / "out"
    counts = export(made, "llamafactory", out)
    assert counts == {
        "codeio_train.jsonl": 5,
        "codeio_test.jsonl": 3,
        "codeio_pp_train.jsonl": 8,
        "preference_train.jsonl": 8,
    }
    for split in ("train", "test"):
        assert json_rows(out / f"codeio_{split}.jsonl") == stored(made, "codeio", split)
    plus = [without(row, *REFERENCE) for row in stored(made, "codeio_pp", "train")]
    assert json_rows(out / "codeio_pp_train.jsonl") == plus
    for row, exported in zip(
        stored(made, "preference", "train"), json_rows(out / "preference_train.jsonl"), strict=True
    ):
        assert exported["messages"] == row["prompt"]
        assert [exported["chosen"]] == row["chosen"]
        assert [exported["rejected"]] == row["rejected"]
    described = json.loads((out / "dataset_info.json").read_text())
    assert {name: about["ranking"] for name, about in described.items()} == {
        "codeio_train": False,
        "codeio_test": False,
        "codeio_pp_train": False,
        "preference_train": True,
    }
    for name, about in described.items():
        (row, *_) = json_rows(out / about["file_name"])
        assert set(about["columns"].values()) <= set(row)
        assert about["file_name"] == f"{name}.jsonl"


def test_trl_rows_are_those_of_the_tables(made, tmp_path):
    out = tmp_path / "out"
    export(made, "trl", out)
    for config in ("codeio_pp", "preference", "rlvr", "codeio"):
        for split, loaded in load_dataset(str(out), config, cache_dir=str(tmp_path / "c")).items():
            wanted = stored(made, config, split)
            if config == "codeio":
                assert [[*row["prompt"], *row["completion"]] for row in loaded] == [
                    row["messages"] for row in wanted
                ]
                assert {len(row["completion"]) for row in loaded} == {1}
                assert [without(row, "prompt", "completion") for row in loaded] == [
                    without(row, "messages") for row in wanted
                ]
                continue
            left_out = REFERENCE if config == "codeio_pp" else ()
            assert loaded.to_list() == [without(row, *left_out) for row in wanted]
            assert loaded.features == Features(
                {column: kind for column, kind in TABLES[config].features.items() if column not in left_out}
            )


def test_rewards_are_given_for_exported_prompts(made, tmp_path):
    export(made, "trl", tmp_path / "trl")
    export(made, "verl", tmp_path / "verl")
    rows = pq.read_table(tmp_path / "trl" / "rlvr_train.parquet").to_pylist()
    questions = pq.read_table(tmp_path / "verl" / "train.parquet").to_pylist()
    replies = [json.dumps({row["direction"]: json.loads(row[row["direction"]])}) for row in rows]
    replies[-1] = '{"output": 0, "input": {"n": 0}}'
    expected = [1.0] * 4 + [0.0]
    completions = [[{"role": "assistant", "content": reply}] for reply in replies]
    columns = {column: [row[column] for row in rows] for column in rows[0] if column != "prompt"}
    prompts = [row["prompt"] for row in rows]
    assert io_prediction_reward(prompts, completions, **columns) == expected
    for question, reply, reward in zip(questions, replies, expected, strict=True):
        truth = question["reward_model"]["ground_truth"]
        assert compute_score(question["data_source"], reply, truth, question["extra_info"]) == reward


def test_verl_rows_are_those_of_the_table(made, tmp_path, monkeypatch):
    monkeypatch.setattr("hub.export.writer.BATCH_ROWS", 2)
    assert export(made, "verl", tmp_path / "out") == {"train.parquet": 5, "test.parquet": 3}
    for split in ("train", "test"):
        wanted = stored(made, "rlvr", split)
        questions = pq.read_table(tmp_path / "out" / f"{split}.parquet").to_pylist()
        for index, (row, question) in enumerate(zip(wanted, questions, strict=True)):
            assert set(question) == {"data_source", "prompt", "ability", "reward_model", "extra_info"}
            assert question["prompt"] == row["prompt"]
            assert question["data_source"] == f"codeio/{row['direction']}"
            assert question["reward_model"]["style"] == "rule"
            truth = json.loads(question["reward_model"]["ground_truth"])
            assert truth == {column: row[column] for column in REWARD_COLUMNS}
            extra = question["extra_info"]
            assert (extra["split"], extra["index"], extra["task_id"]) == (split, index, row["task_id"])
            assert extra["pass_rate"] == row["pass_rate"]


def test_the_authors_layout_is_their_five_columns(made, tmp_path):
    assert export(made, "reference", tmp_path / "out") == {"train.jsonl": 8}
    wanted = stored(made, "codeio_pp", "train")
    assert json_rows(tmp_path / "out" / "train.jsonl") == [
        {column: row[column] for column in REFERENCE} for row in wanted
    ]
    assert list(json_rows(tmp_path / "out" / "train.jsonl")[0]) == list(REFERENCE)


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_version_gives_the_same_bytes(made, tmp_path, name):
    for folder in ("one", "two"):
        export(made, name, tmp_path / folder)
    files = {path.name for path in (tmp_path / "one").iterdir()}
    assert {path.name for path in tmp_path.iterdir()} == {"made", "one", "two"}
    for file in files:
        content = (tmp_path / "one" / file).read_bytes()
        assert content == (tmp_path / "two" / file).read_bytes()
        # Older releases of datasets refuse files that name types they do not know.
        assert b'"_type"' not in content


def test_a_build_is_exported_in_every_format(tmp_path, finished):
    made = open_version(str(finished("--samples", 4, "--turns", 2).out))
    assert export(made, "llamafactory", tmp_path / "lf") == {
        "codeio_train.jsonl": 24,
        "codeio_pp_train.jsonl": 24,
        "preference_train.jsonl": 8,
    }
    assert export(made, "verl", tmp_path / "verl") == {"train.parquet": 8}
    assert sum(export(made, "trl", tmp_path / "trl").values()) == 24 + 24 + 8 + 8
    export(made, "reference", tmp_path / "reference")
    for row in json_rows(tmp_path / "reference" / "train.jsonl"):
        assert (row["turn_2"] is None) == (row["feedback_1"] is None)


@pytest.mark.parametrize("there", ["file", "full folder"])
def test_what_is_there_already_is_kept(made, tmp_path, there):
    out = tmp_path / "out"
    if there == "file":
        out.write_text("mine")
    else:
        out.mkdir()
        (out / "mine").write_text("mine")
    with pytest.raises(ExportError, match=r"out is not empty: name a new folder"):
        export(made, "trl", out)
    assert (out / "mine" if out.is_dir() else out).read_text() == "mine"


def test_an_empty_folder_is_filled(made, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    export(made, "reference", tmp_path / "link")
    assert (tmp_path / "empty" / "train.jsonl").exists()


def test_a_failure_leaves_nothing(made, tmp_path):
    (file,) = made.folder.files("codeio_pp")
    content = file.read_bytes()
    file.write_bytes(content[:40] + b"\7" * 400 + content[440:])
    with pytest.raises(OSError):  # noqa: PT011  # pyarrow's message differs by version
        export(made, "trl", tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} == {"made"}


@pytest.mark.parametrize(
    ("name", "kept", "said"),
    [
        ("parquet", ["rlvr"], r"no format parquet; choose one of llamafactory, trl, verl, reference"),
        ("verl", ["codeio"], r"made has no table rlvr, which verl files are made from; it has codeio\."),
        ("llamafactory", ["rlvr"], r"no table codeio or codeio_pp or preference"),
    ],
)
def test_what_cannot_be_exported_is_one_sentence(tmp_path, name, kept, said):
    folder = Folder(tmp_path / "made")
    (folder.root / ".codeio").mkdir(parents=True)
    for config in kept:
        folder.write(config, {"train": table(ROWS[config], TABLES[config].features)})
    with pytest.raises(ExportError, match=said):
        export(open_version(str(folder.root)), name, tmp_path / "out")


def test_a_table_of_an_older_version_is_one_sentence(tmp_path):
    folder = Folder(tmp_path / "made")
    (folder.root / ".codeio").mkdir(parents=True)
    rows = table(ROWS["codeio_pp"], TABLES["codeio_pp"].features).remove_columns(["answers_forced"])
    folder.write("codeio_pp", {"train": rows})
    with pytest.raises(ExportError, match=r"table codeio_pp has no column answers_forced\. Build it again"):
        export(open_version(str(folder.root)), "trl", tmp_path / "out")
    assert export(open_version(str(folder.root)), "reference", tmp_path / "out") == {"train.jsonl": 8}


@pytest.mark.parametrize(
    ("config", "column", "form"),
    [("codeio", "messages", "trl"), ("preference", "chosen", "llamafactory"), ("rlvr", "input", "verl")],
)
def test_a_row_that_has_no_layout_is_one_sentence(tmp_path, config, column, form):
    folder = Folder(tmp_path / "made")
    (folder.root / ".codeio").mkdir(parents=True)
    odd = float("nan") if column == "input" else None
    folder.write(config, {"train": table([{"task_id": "t", "direction": "output"}], TABLES[config].features)})
    if column == "input":
        (file,) = folder.files(config)
        rows = pq.read_table(file)
        place = rows.column_names.index(column)
        pq.write_table(rows.set_column(place, column, pa.array([odd])), file)
    with pytest.raises(ExportError, match=f"table {config} has a row"):
        export(open_version(str(folder.root)), form, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_memory_does_not_grow_with_the_rows(tmp_path):
    """A child process exports 20 MB of text, then 200 MB; its peak memory hardly grows."""
    child = f"""
import json, resource, sys
from pathlib import Path
import pyarrow as pa, pyarrow.parquet as pq
from builders.schema import TABLES
from hub.export.writer import export
from hub.versions import open_version

def peak(n_batches):
    root = Path({str(tmp_path)!r}, str(n_batches)); (root / "codeio_pp").mkdir(parents=True)
    schema = TABLES["codeio_pp"].features.arrow_schema
    with pq.ParquetWriter(root / "codeio_pp" / "train-00000-of-00001.parquet", schema) as writer:
        for batch in range(n_batches):
            texts = dict(prompt="p" * 5000, turn_1=str(batch % 9) * 5000)
            rows = [dict(task_id=str(n), **texts) for n in range(1000)]
            writer.write_table(pa.Table.from_pylist(rows, schema))
    export(open_version(str(root)), "reference", root / "out")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

print(json.dumps([peak(2), peak(20)]))
"""
    done = subprocess.run([sys.executable, "-c", child], capture_output=True, text=True, check=True)
    small, large = json.loads(done.stdout.splitlines()[-1])
    assert large - small < 100, (small, large)
