"""Rows of a version keep the order and the files of the previous version, whatever has changed."""

import os
import subprocess
import sys
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builders.schema import TABLES
from builders.tables.arrow import table
from builders.tables.folder import Folder
from hub.publish import row_order
from hub.publish.row_order import keep_row_order

SIZES = {"ROWS": 10, "MIN_ROWS": 5, "_ALWAYS_SMALL_ROWS": 5, "MOST_SMALL": 2}


@pytest.fixture(autouse=True, scope="module")
def _small():
    with pytest.MonkeyPatch.context() as patch:
        for name, rows in SIZES.items():
            patch.setattr(row_order, name, rows)
        yield


def pair(name, output="1"):
    return {"pair_id": name, "function_id": "f", "input": "{}", "output": output, "seed": 0, "draw": 0}


def names(start, stop):
    return [f"{number:03d}" for number in range(start, stop)]


def folder(path, config="io_pairs", **files):
    """Write a table; `files` gives its files by split, each as a list of rows or of their names."""
    (path / config).mkdir(parents=True)
    for split, parts in files.items():
        for number, part in enumerate(parts):
            rows = [row if isinstance(row, dict) else pair(row) for row in part]
            name = f"{split}-{number:05d}-of-{len(parts):05d}.parquet"
            table(rows, TABLES[config].features).to_parquet(path / config / name)
    return Folder(path)


def column_by_split(made, config="io_pairs", column="pair_id"):
    """Return a column's values by split, one list for each file."""
    values = {}
    for file in made.files(config):
        values.setdefault(file.name.split("-")[0], []).append(pq.read_table(file)[column].to_pylist())
    return values


def contents(made):
    return [file.read_bytes() for file in made.files("io_pairs")]


OLD = [names(0, 8), names(8, 20), names(20, 26)]


@pytest.fixture
def old(tmp_path):
    return folder(tmp_path / "old", train=OLD)


def test_new_rows_come_last_wherever_the_build_puts_them(tmp_path, old):
    new = folder(tmp_path / "new", train=[["x", *names(0, 13), "y", *names(13, 26), *"abcdefghijk"]])
    keep_row_order(new, old)
    assert column_by_split(new)["train"] == [*OLD, list("xyabcdefgh"), list("ijk")]
    assert contents(new)[:3] == contents(old)
    assert [file.name[:11] for file in new.files("io_pairs")] == [f"train-{n:05d}" for n in range(5)]
    assert list((new.root / ".codeio").iterdir()) == []


@pytest.mark.parametrize(
    ("rows", "second"),
    [
        ([*names(0, 13), *names(14, 26)], [*names(8, 13), *names(14, 20)]),
        ([*names(0, 13), pair("013", "2"), *names(14, 26)], names(8, 20)),
    ],
    ids=["removed", "changed"],
)
def test_only_files_with_removed_or_changed_rows_are_rewritten(tmp_path, old, rows, second):
    new = folder(tmp_path / "new", train=[rows[::-1]])
    keep_row_order(new, old)
    assert column_by_split(new)["train"] == [OLD[0], second, OLD[2]]
    is_same = [one == other for one, other in zip(contents(new), contents(old), strict=True)]
    assert is_same == [True, False, True]
    outputs = {row["pair_id"]: row["output"] for row in new.read("io_pairs")}
    assert outputs.get("013") in (None, "2")
    assert set(outputs.values()) <= {"1", "2"}


def test_a_file_without_remaining_rows_is_removed(tmp_path, old):
    new = folder(tmp_path / "new", train=[names(0, 8) + names(20, 26)])
    keep_row_order(new, old)
    assert column_by_split(new)["train"] == [OLD[0], OLD[2]]


def test_a_row_that_moved_to_another_split_comes_last_there(tmp_path):
    old = folder(tmp_path / "old", train=[names(0, 6), names(6, 12)], test=[names(50, 56)])
    new = folder(tmp_path / "new", train=[names(0, 3), names(4, 12)], test=[["003", *names(50, 56)]])
    keep_row_order(new, old)
    rest = ["000", "001", "002", "004", "005"]
    assert column_by_split(new) == {"train": [rest, names(6, 12)], "test": [names(50, 56), ["003"]]}


def test_the_number_of_rows_with_the_same_key_stays_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(row_order, "MOST_SMALL", 9)
    row = dict(zip(TABLES["dropped"].columns, ("tasks", "a", "f", "duplicate", "1", ""), strict=True))
    other = {**row, "drop_detail": "2"}
    old = folder(tmp_path / "old", "dropped", train=[[row, row, other], [{**row, "row_id": "b"}]])
    new = folder(tmp_path / "new", "dropped", train=[[other, {**row, "row_id": "b"}, row, other, row, row]])
    keep_row_order(new, old)
    assert column_by_split(new, "dropped", "drop_detail")["train"] == [["1", "1", "2"], ["1"], ["2", "1"]]


def test_small_files_are_merged_before_there_are_many(tmp_path):
    before = folder(tmp_path / "0", train=[names(0, 10), names(10, 20)])
    shapes = []
    for version in range(1, 7):
        made = folder(tmp_path / str(version), train=[names(0, 20 + 2 * version)[::-1]])
        keep_row_order(made, before)
        shapes.append([len(part) for part in column_by_split(made)["train"]])
        before = made
    assert shapes == [
        [10, 10, 2],
        [10, 10, 2, 2],
        [10, 10, 6],
        [10, 10, 6, 2],
        [10, 10, 6, 2, 2],
        [10, 10, 6, 6],
    ]


def test_many_small_files_are_merged_only_when_rows_change(tmp_path):
    old = folder(tmp_path / "old", train=[names(start, start + 2) for start in range(0, 10, 2)])
    same = folder(tmp_path / "same", train=[names(0, 10)])
    keep_row_order(same, old)
    assert contents(same) == contents(old)
    fewer = folder(tmp_path / "fewer", train=[names(0, 5) + names(6, 10)])
    keep_row_order(fewer, old)
    assert column_by_split(fewer)["train"] == [["004"], names(6, 8), names(8, 10), names(0, 4)]


def test_rows_with_different_columns_are_rewritten_in_the_old_order(tmp_path, old):
    for file in old.files("io_pairs"):
        pq.write_table(pq.read_table(file).drop_columns(["draw"]), file)
    new = folder(tmp_path / "new", train=[["x", *names(0, 26)[::-1]]])
    keep_row_order(new, old)
    assert column_by_split(new)["train"] == [*OLD, ["x"]]
    assert all(
        pq.read_schema(file).names == list(TABLES["io_pairs"].columns) for file in new.files("io_pairs")
    )


def test_the_build_keeps_its_order_if_the_old_version_has_no_keys(tmp_path, old):
    for file in old.files("io_pairs"):
        pq.write_table(pa.table({"other": [1]}), file)
    new = folder(tmp_path / "new", train=[names(0, 26)])
    for before in (old, Folder(tmp_path / "nothing")):
        keep_row_order(new, before)
        assert column_by_split(new)["train"] == [names(0, 26)]


def test_files_behind_links_are_reused_and_paths_may_hold_glob_characters(tmp_path, old):
    cached = tmp_path / "cached"
    (cached / "io_pairs").mkdir(parents=True)
    for file in old.files("io_pairs"):
        (cached / "io_pairs" / file.name).symlink_to(os.path.relpath(file, cached / "io_pairs"))
    new = folder(tmp_path / "new [1]*", train=[[*names(0, 9), "x", *names(9, 26)]])
    keep_row_order(new, Folder(cached))
    assert column_by_split(new)["train"] == [*OLD, ["x"]]
    assert not any(file.is_symlink() for file in new.files("io_pairs"))


def test_it_does_not_depend_on_the_process(tmp_path, old):
    here, there = (folder(tmp_path / name, train=[["x", *names(3, 26)[::-1], "y"]]) for name in "ab")
    keep_row_order(here, old)
    code = "import sys; from pathlib import Path; from builders.tables.folder import Folder as F;"
    code += f"from hub.publish import row_order; vars(row_order).update({SIZES});"
    code += "row_order.keep_row_order(*map(F, map(Path, sys.argv[1:])))"
    seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"  # not that of this process
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    subprocess.run([sys.executable, "-c", code, there.root, old.root], env=environment, check=True)
    assert contents(here) == contents(there)
    assert len(contents(here)) > 2


ROWS = st.lists(
    st.tuples(st.sampled_from(names(0, 30)), st.sampled_from("12"), st.sampled_from(["train", "test"])),
    min_size=1,
    max_size=60,
)


@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(versions=st.lists(ROWS, min_size=2, max_size=4))
def test_a_version_has_the_rows_of_its_build_whatever_came_before(tmp_path_factory, versions):
    root, before = tmp_path_factory.mktemp("versions"), None
    for number, rows in enumerate(versions):
        splits = {}
        for name, output, split in rows:
            splits.setdefault(split, [[]])[0].append(pair(name, output))
        made, again = (folder(root / f"{number}{which}", **splits) for which in "ab")
        if before:
            keep_row_order(made, before)
        keep_row_order(again, made)
        assert contents(again) == contents(made)
        for split, (built,) in splits.items():
            files = sorted((made.root / "io_pairs").glob(f"{split}-*"))
            published = [row for file in files for row in pq.read_table(file).to_pylist()]
            assert Counter(map(str, published)) == Counter(map(str, built))
        assert set(column_by_split(made)) == set(splits)
        before = made
