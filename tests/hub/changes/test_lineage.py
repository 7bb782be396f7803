"""The reasons of added and removed rows: the topmost thing that the other version lacks, or its drop."""

import pytest

from builders.schema import TABLES
from hub.changes.changelog import markdown
from hub.changes.compare import changes
from tests.hub.changes.versions import MADE_OF, counted, dropped_row, groups, rows, shown, write_version

LEVELS = ("file", "function", "pair", "task", "sample", "turn")


NEW = {
    "file": {"file": "g"},
    "function": {"function": "v"},
    "pair": {"pair": "q"},
    "task": {"task": "s"},
    "sample": {"sample": 1},
    "turn": {"turn": 1},
    "request": {"answer": "!"},
}


@pytest.mark.parametrize("level", NEW)
def test_the_topmost_thing_that_is_new_is_the_reason(tmp_path, level):
    old, more = rows(), rows(**NEW[level])
    before = write_version(tmp_path / "old", old)
    after = write_version(tmp_path / "new", old, more)
    new = {config: {(level,): 1} for config in more if more[config] != old[config]}
    assert new
    result = changes(before, after)
    assert groups(result, "added") == new
    assert {config: counted(result, config)["added"] for config in result.tables if config in new} == {
        config: sum(counted(result, config).values()) for config in new
    }
    assert groups(changes(after, before), "removed") == new


DROPS = {
    "raw_code": (dropped_row("raw_code", "here/g.py", "here"), "file"),
    "functions": (dropped_row("functions", "g", "g"), "function"),
    "io_pairs": (dropped_row("io_pairs", "g.u", "g"), "pair"),
    "io_pairs, one": (dropped_row("io_pairs", "g.u.p", "g.u"), "pair"),
    "tasks": (dropped_row("tasks", "g.u.p.t", "g.u.p"), "task"),
    "responses": (dropped_row("responses", "g.u.p.t/0", "g.u.p.t"), "sample"),
    "revisions": (dropped_row("revisions", "g.u.p.t.0.0", "g.u.p.t"), "turn"),
}


@pytest.mark.parametrize("name", DROPS)
def test_a_drop_in_the_other_version_is_the_reason(tmp_path, name):
    drop, level = DROPS[name]
    stage = drop["dropped"]["stage"]
    part = rows(file="g", turn=1 if level == "turn" else 0)
    below = LEVELS[LEVELS.index(level) :]
    gone = {config for config in MADE_OF if MADE_OF[config] in below}
    rest = {config: row for config, row in part.items() if config not in gone}
    first = rows(file="g") if level == "turn" else {}
    before = write_version(tmp_path / "old", rows(), part, first)
    after = write_version(tmp_path / "new", rows(), rest, first, drop)
    expected = {config: {("dropped", stage, "odd"): 1} for config in gone}
    assert groups(changes(before, after), "removed") == expected
    there_and_back = groups(changes(after, before), "added")
    assert there_and_back == expected
    assert "odd" in markdown(changes(before, after))


@pytest.mark.parametrize("view", ["codeio", "codeio_pp"])
def test_a_view_names_a_dropped_row_by_its_answer(tmp_path, view):
    before = write_version(tmp_path / "old", rows())
    drop = dropped_row(view, "f.u.p.t.0.0!", "f.u.p.t", "truncated")
    after = write_version(tmp_path / "new", rows(answer="!"), drop, without=[view])
    result = changes(before, after)
    assert groups(result, "removed") == {
        "turns": {("request",): 1},
        view: {("dropped", view, "truncated"): 1},
    }


def test_a_drop_is_no_reason_for_what_its_stage_does_not_make(tmp_path):
    """A dropped duplicate has the id of the file that stays, so the drop does not explain missing rows."""
    drop = dropped_row("raw_code", "f", "f", "duplicate")
    before = write_version(tmp_path / "old", rows(), rows(pair="q"))
    after = write_version(tmp_path / "new", rows(), drop)
    assert set(map(tuple, groups(changes(before, after), "removed").values())) == {(("pair",),)}


def test_without_the_tables_between_nothing_is_guessed(tmp_path):
    """A version that was published with its training rows alone names its tasks, but no files."""
    only = set(TABLES) - {"codeio_pp"}
    before = write_version(tmp_path / "old", rows(), without=only)
    after = write_version(tmp_path / "new", rows(), rows(file="g"), rows(sample=1))
    result = changes(before, after)
    assert groups(result, "added")["codeio_pp"] == {("task",): 1, ("sample",): 1}
    assert groups(result, "added")["raw_code"] == {("table",): 2}
    assert result.tables["raw_code"].n_old == 0
    assert "no such table" in shown(result)
    assert groups(changes(after, before), "removed")["raw_code"] == {("table",): 2}


@pytest.mark.parametrize("missing", TABLES)
def test_any_table_may_be_missing(tmp_path, missing):
    before = write_version(tmp_path / "old", rows(), dropped_row("tasks", "x"), without=[missing])
    after = write_version(tmp_path / "new", rows(), dropped_row("tasks", "x"))
    assert groups(changes(before, after), "added") == {missing: {("table",): 1}}
    assert groups(changes(after, before), "removed") == {missing: {("table",): 1}}


def test_a_dropped_row_has_the_reason_of_what_it_names(tmp_path):
    before = write_version(tmp_path / "old", rows(), dropped_row("tasks", "f.u.p.old", "f.u.p"))
    more = [
        (rows(file="g"), dropped_row("functions", "g", "g")),
        (rows(sample=1), dropped_row("codeio", "f.u.p.t.1.0", "f.u.p.t")),
        ({}, dropped_row("io_pairs", "f.u.p.gone", "f.u")),
        ({}, dropped_row("raw_code", "nowhere.py", None)),
    ]
    after = write_version(tmp_path / "new", rows(), *(part for parts in more for part in parts))
    result = changes(before, after)
    assert groups(result, "added")["dropped"] == {("file",): 1, ("sample",): 1, ("row",): 2}
    assert groups(result, "removed") == {"dropped": {("row",): 1}}
