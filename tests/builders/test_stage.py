import pickle
from pathlib import Path

import pytest
from datasets import Dataset, Features, Value

from builders.inference import Unanswered
from builders.schema import TABLES
from builders.stage import Drop, Stage, UnansweredRows
from builders.tables.joins import LazyJoin

NUMBERS = Features({"n": Value("int64")})


class Halves(Stage):
    name = "halves"
    version = 1
    features = Features({"half": Value("int64"), "twice": Value("string")})
    key = ("half",)
    shard_rows = 4

    def __init__(self, log: Path, offset: int = 0, closed: tuple[int, ...] = ()):
        self.log = log
        self.offset = offset
        self.closed = closed

    def identity(self):
        return {"offset": self.offset}

    def rows(self, rows):
        with self.log.open("a") as log:
            log.write(f"{[row['n'] for row in rows]}\n")
        waiting = sum(row["n"] in self.closed for row in rows)
        if waiting:
            raise Unanswered(waiting, "busy", len(rows) - waiting)
        for row in rows:
            if row["n"] % 2:
                yield Drop(f"row{row['n']}", "", "odd", "cannot be halved", "x" * 20_000)
            else:
                yield {"half": row["n"] // 2 + self.offset, "twice": str(row["n"] * 2)}


def numbers(*values):
    return Dataset.from_dict({"n": list(values)}, features=NUMBERS)


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


def test_no_row_vanishes(log):
    kept, dropped = Halves(log)(numbers(*range(10)))
    assert kept["half"] == [0, 1, 2, 3, 4]
    assert kept.features == Halves.features
    assert dropped.features == TABLES["dropped"].features
    assert dropped["row_id"] == ["row1", "row3", "row5", "row7", "row9"]
    assert set(dropped["stage"]) == {"halves"}
    assert {len(content) for content in dropped["content"]} == {16_000}


def test_second_row_of_one_id_is_dropped_across_shards(log):
    kept, dropped = Halves(log)(numbers(2, 4, 6, 8, 2, 10, 4))
    assert kept["half"] == [1, 2, 3, 4, 5]
    assert dropped["drop_reason"] == ["duplicate", "duplicate"]


def test_second_run_computes_nothing(log, tmp_path):
    first = Halves(log)(numbers(*range(10)), tmp_path / "cache")
    runs = log.read_text()
    second = Halves(log)(numbers(*range(10)), tmp_path / "cache")
    assert log.read_text() == runs
    assert first[0].to_list() == second[0].to_list()
    assert first[1].to_list() == second[1].to_list()


def test_only_what_changed_is_computed_again(log, tmp_path):
    Halves(log)(numbers(*range(10)), tmp_path)
    log.write_text("")
    Halves(log)(numbers(*range(12)), tmp_path)  # the source grew: only its last, incomplete shard
    assert log.read_text() == "[8, 9, 10, 11]\n"
    log.write_text("")
    Halves(log, offset=1)(numbers(*range(8)), tmp_path)  # another identity: every shard
    assert log.read_text() == "[0, 1, 2, 3]\n[4, 5, 6, 7]\n"


def test_passing_failure_leaves_its_shard_open_and_no_other(log, tmp_path):
    with pytest.raises(UnansweredRows, match="halves: 1 requests"):
        Halves(log, closed=(5,))(numbers(*range(12)), tmp_path)
    log.write_text("")
    kept, _ = Halves(log)(numbers(*range(12)), tmp_path)
    assert log.read_text() == "[4, 5, 6, 7]\n"
    assert kept["half"] == [0, 1, 2, 3, 4, 5]


def test_nobody_answers_so_nobody_else_is_asked(log, tmp_path):
    with pytest.raises(UnansweredRows):
        Halves(log, closed=(0, 1, 2, 3))(numbers(*range(12)), tmp_path)
    assert log.read_text() == "[0, 1, 2, 3]\n"


@pytest.mark.parametrize("values", [(), (1, 3)])
def test_columns_survive_without_rows(log, values):
    kept, dropped = Halves(log)(numbers(*values))
    assert kept.features == Halves.features
    assert len(kept) == 0
    assert len(dropped) == len(values)


def test_result_does_not_depend_on_shards(log):
    class OneShard(Halves):
        shard_rows = 100

    assert Halves(log)(numbers(*range(30)))[0].to_list() == OneShard(log)(numbers(*range(30)))[0].to_list()


def test_stage_pickles_without_its_observer(log):
    stage = Halves(log)
    stage.advance = lambda n: None
    copy = pickle.loads(pickle.dumps(stage))
    assert copy.advance is None
    assert copy.transform({"n": [4]}) == stage.transform({"n": [4]})


def test_progress_counts_input_rows(log):
    stage, done = Halves(log), []
    stage.advance = done.append
    stage(numbers(*range(10)))
    assert done == [4, 4, 2]


def test_joined_rows_carry_their_parents_and_children():
    pairs = Dataset.from_list([{"pair": "p2", "function": "f1"}, {"pair": "p1", "function": "f2"}])
    functions = Dataset.from_list([{"function": "f1", "code": "a"}, {"function": "f2", "code": "b"}])
    answers = Dataset.from_list(
        [{"pair": "p1", "text": "x"}, {"pair": "p2", "text": "y"}, {"pair": "p1", "text": "z"}]
    )
    joined = LazyJoin(pairs).join(functions, "function").join_list("answers", answers, "pair")
    assert joined.shard(0, 10).to_pylist() == [
        {"pair": "p2", "function": "f1", "code": "a", "answers": [{"pair": "p2", "text": "y"}]},
        {
            "pair": "p1",
            "function": "f2",
            "code": "b",
            "answers": [{"pair": "p1", "text": "x"}, {"pair": "p1", "text": "z"}],
        },
    ]
    assert joined.shard(1, 2)["code"].to_pylist() == ["b"]
    assert len(joined) == 2


def test_joined_row_without_answers_has_an_empty_list():
    pairs = Dataset.from_list([{"pair": "p1"}])
    answers = Dataset.from_list([{"pair": "p0", "text": "x"}])
    assert LazyJoin(pairs).join_list("answers", answers, "pair").shard(0, 1)["answers"].to_pylist() == [[]]
