import errno
import json
import os
import subprocess
import sys

import pytest
from datasets import Dataset

from builders.sources import code_files as source_files
from builders.sources.code_files import MAX_BYTES, SourceConfig, SourceError, read_files

CODE = "def double(x):\n    return 2 * x\n"


def rows(source, cache, **config):
    return read_files(SourceConfig(source=str(source), **config), cache / "cache").to_list()


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "project"
    (folder / "sub").mkdir(parents=True)
    (folder / ".git").mkdir()
    (folder / ".git" / "config.py").write_text(CODE)
    (folder / "b.py").write_text(CODE)
    (folder / "sub" / "a.rb").write_text("puts 1")
    return folder


def test_a_folder_in_the_order_of_its_paths(folder, tmp_path):
    file_rows = rows(folder, tmp_path)
    assert [(row["source"], row["path"], row["language"]) for row in file_rows] == [
        ("project", "b.py", "Python"),
        ("project", "sub/a.rb", "Ruby"),
    ]
    assert file_rows[0]["content"] == CODE


def test_a_problem_is_a_row_not_a_crash(folder, tmp_path):
    (folder / "binary.py").write_bytes(b"\x89PNG\xff\xfe")
    (folder / "huge.py").write_bytes(b"#" * 50_000_000)
    (folder / "data.csv").write_text("1,2")
    assert {row["path"]: row["problem"] for row in rows(folder, tmp_path) if row["problem"]} == {
        "binary.py": "not_text",
        "huge.py": "too_large",
        "data.csv": "unknown_language",
    }


def test_jsonl_with_a_broken_line_keeps_the_others(tmp_path):
    table = tmp_path / "code.jsonl"
    lines = [
        json.dumps({"text": CODE, "repo_name": "some/repo", "path": "x.py", "license": "mit"}),
        '{"text": ',
        "[1]",
        json.dumps({"text": None}),
        json.dumps({"text": "x" * (MAX_BYTES + 1)}),
    ]
    table.write_text("\n".join(lines))
    table_rows = rows(table, tmp_path, content_column="text")
    assert [row["problem"] for row in table_rows] == [
        None,
        "broken_json",
        "broken_json",
        "no_content",
        "too_large",
    ]
    assert (table_rows[0]["source"], table_rows[0]["path"], table_rows[0]["license"]) == (
        "some/repo",
        "x.py",
        "mit",
    )
    assert table_rows[1]["path"] == "code.jsonl:2"


def test_parquet(tmp_path):
    Dataset.from_dict({"content": [CODE, "123"]}).to_parquet(tmp_path / "t.parquet")
    assert [row["content"] for row in rows(tmp_path / "t.parquet", tmp_path)] == [CODE, "123"]


def test_strings_of_a_table_stay_as_they_are(tmp_path):
    (tmp_path / "t.jsonl").write_text(json.dumps({"content": "123"}) + "\n" + json.dumps({"content": "1e5"}))
    assert [row["content"] for row in rows(tmp_path / "t.jsonl", tmp_path)] == ["123", "1e5"]


def test_a_changed_source_is_read_again(folder, tmp_path):
    assert len(rows(folder, tmp_path)) == 2
    (folder / "c.py").write_text(CODE + "# more")
    assert len(rows(folder, tmp_path)) == 3


def test_a_limit_reads_no_further(tmp_path):
    table = tmp_path / "t.jsonl"
    table.write_text("\n".join(json.dumps({"content": f"x = {n}"}) for n in range(5)))
    assert len(rows(table, tmp_path, limit=2)) == 2
    assert len(rows(table, tmp_path)) == 5

    def stream(*_, **__):
        yield {"content": CODE}
        yield {"content": CODE}
        raise AssertionError("read too far")

    with pytest.MonkeyPatch.context() as patch:
        replace_hub(patch, stream)
        assert len(rows("some/dataset", tmp_path, limit=2)) == 2


def replace_hub(patch, load_dataset):
    """Replace the Hub: each dataset has one revision, and this function loads its rows."""
    patch.setattr(source_files, "_hub_revision", lambda _: "abc")
    patch.setattr("datasets.load_dataset", load_dataset)


def test_what_decides_the_rows_names_the_cache(folder, tmp_path, monkeypatch):
    assert rows(folder, tmp_path)[0]["problem"] is None
    monkeypatch.setattr(source_files, "MAX_BYTES", 5)
    assert rows(folder, tmp_path)[0]["problem"] == "too_large"


def test_an_output_folder_is_no_source(folder, tmp_path):
    (folder / "out" / "mine" / ".codeio").mkdir(parents=True)
    (folder / "out" / "mine" / "raw_code").mkdir()
    (folder / "out" / "mine" / "raw_code" / "made.py").write_text(CODE)
    assert [row["path"] for row in rows(folder, tmp_path)] == ["b.py", "sub/a.rb"]


@pytest.mark.parametrize("column", ["content", "path", "license", "repo_name", "language"])
def test_half_a_character_is_a_problem_of_its_row(tmp_path, column):
    table = tmp_path / "t.jsonl"
    lines = [{"content": CODE, column: "a\ud800"}, {column: "\ud800", "content": None}, {"content": CODE}]
    table.write_text("\n".join(map(json.dumps, lines)))
    table_rows = rows(table, tmp_path)
    problems = ["not_text", "no_content" if column == "content" else "not_text", None]
    assert [row["problem"] for row in table_rows] == problems
    assert table_rows[0]["path"] == "t.jsonl:1"


def test_a_name_that_is_no_utf_8_is_escaped(tmp_path):
    folder = os.fsencode(tmp_path) + b"/\xfe"
    os.mkdir(folder)
    for name in (b"\xff.py", b"b.\xff"):
        with open(folder + b"/" + name, "wb") as file:
            file.write(CODE.encode())
    file_rows = rows(os.fsdecode(folder), tmp_path)
    assert [(row["source"], row["path"]) for row in file_rows] == [
        ("\\xfe", "b.\\xff"),
        ("\\xfe", "\\xff.py"),
    ]
    assert file_rows[1]["content"] == CODE


def test_a_broken_line_is_shown_without_the_escapes_that_hide_secrets(tmp_path):
    (tmp_path / "t.jsonl").write_text(r'{"content": "password = \"hunter2\"\nx')
    assert rows(tmp_path / "t.jsonl", tmp_path)[0]["content"] == '{"content": "password = "hunter2"\nx'


@pytest.mark.parametrize(
    ("cell", "license"),
    [
        (["mit"], "mit"),
        (["mit", None, "apache-2.0", "mit"], "mit AND apache-2.0"),
        (["mit OR isc", "bsd"], "(mit OR isc) AND bsd"),
        (["mit OR isc"], "mit OR isc"),
        ([], None),
        (7, "7"),
        ({"name": "mit"}, None),
        (True, None),
        (float("nan"), None),
    ],
)
def test_a_licence_that_is_no_string(tmp_path, cell, license):
    (tmp_path / "t.jsonl").write_text(json.dumps({"content": CODE, "license": cell}))
    assert rows(tmp_path / "t.jsonl", tmp_path)[0]["license"] == license


def test_broken_pages_of_a_parquet_file_are_one_sentence(tmp_path):
    file = tmp_path / "t.parquet"
    Dataset.from_dict({"content": [f"x = {n}" for n in range(20_000)]}).to_parquet(file)
    whole = file.read_bytes()
    file.write_bytes(whole[:1000] + b"\7" * 29_000 + whole[30_000:])
    with pytest.raises(SourceError, match="cannot be read"):
        rows(file, tmp_path)


@pytest.mark.parametrize("error", [ValueError("Bad split: train."), ConnectionError("gone")])
def test_a_dataset_that_cannot_be_read_is_one_sentence(tmp_path, monkeypatch, error):
    def fail(*_, **__):
        raise error

    replace_hub(monkeypatch, fail)
    with pytest.raises(SourceError, match=rf"some/dataset cannot be read \({error}\)"):
        rows("some/dataset", tmp_path)


@pytest.mark.parametrize(
    ("error", "raised"), [(OSError(errno.ENOSPC, "No space left"), OSError), (KeyError("odd"), SourceError)]
)
def test_what_goes_wrong_while_reading_is_told_as_it_is(folder, tmp_path, monkeypatch, error, raised):
    def fail(*_):
        yield {"content": CODE}
        raise error

    monkeypatch.setattr(source_files, "_walk", fail)
    with pytest.raises(raised, match=r"No space left|odd"):
        rows(folder, tmp_path)


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (lambda p: p.mkdir(), "holds no files"),
        (lambda p: p.with_suffix(".jsonl").write_text('{"code": "x"}'), "--content-column"),
        (lambda p: p.with_suffix(".parquet").write_text("no parquet"), "not a Parquet file"),
    ],
)
def test_a_source_without_code_is_one_sentence(tmp_path, prepare, words):
    place = tmp_path / "source"
    prepare(place)
    place = next(
        path for path in (place, place.with_suffix(".jsonl"), place.with_suffix(".parquet")) if path.exists()
    )
    with pytest.raises(SourceError, match=words):
        rows(place, tmp_path)


def test_neither_path_nor_dataset(tmp_path):
    with pytest.raises(SourceError, match=r"not a local path|neither a local path"):
        rows("nobody/nothing", tmp_path)


@pytest.mark.skipif(os.getuid() != 0, reason="becomes another user, which only root can")
def test_a_folder_without_permission(folder, tmp_path):
    (folder / "sub").chmod(0)
    tmp_path.chmod(0o777)
    script = (
        "import os, sys; from pathlib import Path; "
        "from builders.sources.code_files import *; from builders.sources.code_files import files_below\n"
        f"os.setuid(1234)\ntry: files_below(Path({str(folder)!r}))\nexcept SourceError as e: print(e)"
    )
    for parent in tmp_path.parents:
        if str(parent).startswith("/tmp/"):
            parent.chmod(0o755)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "cannot be listed (Permission denied)" in done.stdout, done.stderr
