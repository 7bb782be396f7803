import json
import os
import subprocess
import sys

import pytest
from datasets import Dataset

from builders.source_files import MAX_BYTES, SourceConfig, SourceError, read

CODE = "def double(x):\n    return 2 * x\n"


def rows(source, cache, **config):
    return read(SourceConfig(source=str(source), **config), cache / "cache").to_list()


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
    found = rows(folder, tmp_path)
    assert [(row["source"], row["path"], row["language"]) for row in found] == [
        ("project", "b.py", "Python"),
        ("project", "sub/a.rb", "Ruby"),
    ]
    assert found[0]["content"] == CODE


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
    found = rows(table, tmp_path, content_column="text")
    assert [row["problem"] for row in found] == [
        None,
        "broken_json",
        "broken_json",
        "no_content",
        "too_large",
    ]
    assert (found[0]["source"], found[0]["path"], found[0]["license"]) == ("some/repo", "x.py", "mit")
    assert found[1]["path"] == "code.jsonl:2"


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


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (lambda p: p.mkdir(), "holds no files"),
        (lambda p: p.with_suffix(".jsonl").write_text('{"code": "x"}'), "--content-column"),
        (lambda p: p.with_suffix(".parquet").write_text("no parquet"), "no Parquet file"),
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
    with pytest.raises(SourceError, match=r"no path here|neither a path"):
        rows("nobody/nothing", tmp_path)


@pytest.mark.skipif(os.getuid() != 0, reason="becomes another user, which only root can")
def test_a_folder_without_permission(folder, tmp_path):
    (folder / "sub").chmod(0)
    tmp_path.chmod(0o777)
    script = (
        "import os, sys; from pathlib import Path; "
        "from builders.source_files import *; from builders.source_files import _files\n"
        f"os.setuid(1234)\ntry: _files(Path({str(folder)!r}))\nexcept SourceError as e: print(e)"
    )
    for parent in tmp_path.parents:
        if str(parent).startswith("/tmp/"):
            parent.chmod(0o755)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "cannot be listed (Permission denied)" in done.stdout, done.stderr
