import pytest
from datasets import load_dataset

from builders.schema import TABLES
from builders.tables.arrow import table
from builders.tables.folder import Folder
from hub.card.card import card


def pairs(*names):
    rows = [
        {"pair_id": n, "function_id": "f", "input": "{}", "output": "1", "seed": 0, "draw": 0} for n in names
    ]
    return table(rows, TABLES["io_pairs"].features)


def rlvr(*names):
    rows = [
        dict.fromkeys(TABLES["rlvr"].columns) | {"task_id": n, "prompt": [{"role": "user", "content": n}]}
        for n in names
    ]
    return table(rows, TABLES["rlvr"].features)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "data1" / ".codeio").mkdir(parents=True)
    return Folder(tmp_path / "data1")


def test_every_config_opens_with_load_dataset(folder):
    folder.write("io_pairs", {"train": pairs("a", "b")})
    folder.write("rlvr", {"train": rlvr("x"), "test": rlvr("y")})
    folder.write("preference", {"train": table([], TABLES["preference"].features)})
    folder.write_readme(card(folder, {}, "data"))
    assert load_dataset(str(folder.root), "io_pairs")["train"]["pair_id"] == ["a", "b"]
    both = load_dataset(str(folder.root), "rlvr")
    assert {split: rows["task_id"][:] for split, rows in both.items()} == {"train": ["x"], "test": ["y"]}
    assert both["train"].features == TABLES["rlvr"].features  # a column of nulls keeps its type
    with pytest.raises(ValueError, match="preference"):
        load_dataset(str(folder.root), "preference")


def test_rewritten_data_is_never_served_stale(folder):
    folder.write("io_pairs", {"train": pairs("a")})
    folder.write_readme(card(folder, {}, "data"))
    assert load_dataset(str(folder.root), "io_pairs", split="train")["pair_id"] == ["a"]
    folder.write("io_pairs", {"train": pairs("b", "c")})
    folder.write_readme(card(folder, {}, "data"))
    assert load_dataset(str(folder.root), "io_pairs", split="train")["pair_id"] == ["b", "c"]


def test_same_rows_give_the_same_bytes(folder):
    def written_files():
        folder.write("io_pairs", {"train": pairs("a", "b")})
        folder.write_readme(card(folder, {}, "data"))
        return {p.name: p.read_bytes() for p in folder.root.rglob("*") if p.is_file()}

    assert written_files() == written_files()


def test_a_table_that_lost_its_rows_loses_its_files(folder):
    folder.write("io_pairs", {"train": pairs("a"), "test": pairs("b")})
    folder.write("io_pairs", {"train": pairs("a")})
    assert folder.counts() == {"io_pairs": {"train": 1}}
    folder.write("io_pairs", {"train": pairs()})
    assert folder.counts() == {}
    assert folder.read("io_pairs").features == TABLES["io_pairs"].features


def test_rows_in_several_files_come_back_in_order(folder, monkeypatch):
    monkeypatch.setattr("builders.tables.chunking.ROWS", 5)
    monkeypatch.setattr("builders.tables.chunking.MIN_ROWS", 2)
    monkeypatch.setattr("builders.tables.chunking.MAX_ROWS", 6)
    names = [f"{number:03d}" for number in range(60)]
    whole = rlvr(*names)
    folder.write("rlvr", {"train": whole.select(range(57)), "test": whole.select(range(57, 60))})
    files = [file.name for file in folder.files("rlvr")]
    assert sum(name.startswith("train") for name in files) > 10
    assert sum(name.startswith("test") for name in files) <= 3
    assert folder.read("rlvr")["task_id"][:] == names
