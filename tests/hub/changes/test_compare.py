"""The comparison of two versions: which rows differ, how, and why."""

import json
import os
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from builders.schema import TABLES
from builders.tables.folder import Folder
from hub.card.card import card
from hub.changes.changelog import markdown, rendered
from hub.changes.compare import changed_rows, changes
from hub.changes.differences import Difference
from hub.versions import Version, VersionError, open_version
from tests.building import build, scripted_reply
from tests.doubles.chat_server import ChatServer
from tests.doubles.local_hub import Client, LocalHub

LEVELS = ("file", "function", "pair", "task", "sample", "turn")
MADE_OF = {
    "raw_code": "file",
    "functions": "function",
    "io_pairs": "pair",
    "tasks": "task",
    "turns": "turn",
    "codeio": "sample",
    "codeio_pp": "sample",
    "rlvr": "task",
    "preference": "task",
}
REPO = "ada/data"


def rows(file="f", function="u", pair="p", task="t", sample=0, turn=0, answer="", **more):
    """Return one row of each table, made of these things; the ids spell out what each is made of."""
    function = f"{file}.{function}"
    pair = f"{function}.{pair}"
    task = f"{pair}.{task}"
    own = {
        "raw_code": {"code_id": file, "content": f"# {file}", "source": "here", "path": f"{file}.py"},
        "functions": {"function_id": function, "code_id": file, "query": "What?", "license": "mit"},
        "io_pairs": {"pair_id": pair, "function_id": function, "input": "{}", "output": "1", "seed": 0},
        "tasks": {"task_id": task, "pair_id": pair, "function_id": function, "prompt": "Predict."},
        "turns": {
            "response_id": f"{task}.{sample}.{turn}{answer}",
            "task_id": task,
            "sample": sample,
            "turn": turn,
            "response": "It is 1.",
            "status": "wrong",
            "answer_forced": False,
        },
        "codeio": {"task_id": task, "sample": sample, "status": "wrong"},
        "codeio_pp": {"task_id": task, "sample": sample, "statuses": ["wrong"], "n_turns": 1},
        "rlvr": {"task_id": task, "input": "{}", "pass_rate": 0.5},
        "preference": {"task_id": task, "turn": 0},
    }
    return {config: {**row, **more.get(config, {})} for config, row in own.items()}


def dropped_row(stage, row_id, parent_id="", reason="odd"):
    return {"dropped": {"stage": stage, "row_id": row_id, "parent_id": parent_id, "drop_reason": reason}}


def write_version(path, *parts, without=(), test=(), provenance=None):
    """Write a version with these rows, each once; `test` names the tables whose rows are in split test."""
    (path / ".codeio").mkdir(parents=True)
    for config in TABLES:
        distinct = {json.dumps(part[config]): part[config] for part in parts if config in part}
        if distinct and config not in without:
            split = "test" if config in test else "train"
            (path / config).mkdir()
            some = pa.Table.from_pylist(list(distinct.values()), TABLES[config].features.arrow_schema)
            pq.write_table(some, path / config / f"{split}-00000-of-00001.parquet")
    return Version(path.name, Folder(path), provenance or {})


def groups(result, change):
    """Return the number of rows with this change, by table and reason."""
    return {
        config: {group.why: group.n_rows for group in table_changes.groups if group.change == change}
        for config, table_changes in result.tables.items()
        if table_changes.n(change)
    }


def counted(result, config):
    table_changes = result.tables[config]
    return {
        change: table_changes.n(change) for change in ("added", "removed", "regraded", "changed", "moved")
    }


def shown(result):
    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(rendered(result))
    return console.export_text()


def test_equal_versions_differ_in_nothing(tmp_path):
    both = [write_version(tmp_path / name, rows(), dropped_row("tasks", "x")) for name in ("old", "new")]
    result = changes(*both)
    assert not result
    assert {
        config: table_changes.n_unchanged for config, table_changes in result.tables.items()
    } == dict.fromkeys(TABLES, 1)
    assert not list(changed_rows(*both))
    assert "othing differs" in shown(result)
    assert "nothing differs" in markdown(result)


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
def test_where_the_other_version_dropped_it_that_is_the_reason(tmp_path, name):
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
def test_a_view_names_what_it_dropped_by_the_answer(tmp_path, view):
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


def test_of_a_dropped_row_the_reason_is_that_of_what_it_names(tmp_path):
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


def test_regraded_rows_tell_from_which_status_to_which(tmp_path):
    before = write_version(tmp_path / "old", rows(), rows(sample=1), rows(sample=2))
    better = {
        "turns": {"status": "correct", "feedback": None},
        "codeio": {"status": "correct"},
        "codeio_pp": {"statuses": ["wrong", "correct"], "n_turns": 2},
    }
    after = write_version(tmp_path / "new", rows(**better), rows(sample=1, **better), rows(sample=2))
    result = changes(before, after)
    assert groups(result, "regraded") == {
        "turns": {("wrong", "correct"): 2},
        "codeio": {("wrong", "correct"): 2},
        "codeio_pp": {("wrong", "wrong, correct"): 2},
    }
    assert not any(counted(result, config)["changed"] for config in result.tables)
    assert result.tables["turns"].groups[0].examples == ("f.u.p.t.0.0", "f.u.p.t.1.0")
    assert "wrong → wrong, correct" in shown(result)


def test_changed_rows_tell_the_columns_that_differ(tmp_path):
    before = write_version(tmp_path / "old", rows(), rows(file="g"), rows(file="h"))
    one = rows(functions={"license": None})
    both = rows(file="g", functions={"license": "bsd", "query": "Why?"}, rlvr={"pass_rate": None})
    result = changes(before, write_version(tmp_path / "new", rows(file="h"), both, one))
    assert groups(result, "changed") == {
        "functions": {("license",): 1, ("license", "query"): 1},
        "rlvr": {("pass_rate",): 1},
    }
    assert result.tables["functions"].n_unchanged == 1


def test_rows_that_move_to_another_split_are_reported_and_otherwise_unchanged(tmp_path):
    before = write_version(tmp_path / "old", rows())
    after = write_version(tmp_path / "new", rows(), test=["tasks", "turns"])
    result = changes(before, after)
    assert groups(result, "moved") == {config: {("train", "test"): 1} for config in ("tasks", "turns")}
    assert result.tables["tasks"].n_unchanged == 1
    assert [row.key for row in changed_rows(before, after)] == ["f.u.p.t", "f.u.p.t.0.0"]


def test_rows_compare_by_the_columns_that_both_have(tmp_path):
    before, after = (
        write_version(tmp_path / "old", rows(), rows(sample=1)),
        write_version(tmp_path / "new", rows(), rows(sample=1)),
    )
    (file,) = before.folder.files("turns")
    older = (
        pq.read_table(file).drop_columns(["answer_forced"]).append_column("mood", pa.array(["glad", None]))
    )
    at = older.schema.get_field_index("turn")
    older = older.set_column(at, "turn", older["turn"].cast(pa.int32()))
    older = older.set_column(0, "response_id", older["response_id"].cast(pa.large_string()))
    pq.write_table(older, file)
    result = changes(before, after)
    table_changes = result.tables["turns"]
    assert (table_changes.n_unchanged, table_changes.groups) == (2, ())
    assert (table_changes.columns_added, table_changes.columns_removed) == (("answer_forced",), ("mood",))
    assert table_changes.columns_retyped == ("response_id", "turn")
    assert "columns added: answer_forced" in shown(result)


def test_dropped_rows_of_one_name_are_matched_by_what_they_hold(tmp_path):
    def twins(*contents):
        return [
            {"dropped": {**dropped_row("raw_code", "f", "f")["dropped"], "content": text}}
            for text in contents
        ]

    before = write_version(tmp_path / "old", *twins("a", "b", "c"))
    assert (
        counted(changes(before, write_version(tmp_path / "same", *twins("c", "b", "a"))), "dropped")[
            "changed"
        ]
        == 0
    )
    fewer = changes(before, write_version(tmp_path / "fewer", *twins("c", "a")))
    assert (fewer.tables["dropped"].n_unchanged, counted(fewer, "dropped")["removed"]) == (2, 1)
    other = changes(before, write_version(tmp_path / "other", *twins("c", "x", "a", "y")))
    assert groups(other, "changed") == {"dropped": {("content",): 1}}
    assert counted(other, "dropped")["added"] == 1


def test_all_rows_are_given_one_by_one(tmp_path):
    before = write_version(tmp_path / "old", *(rows(sample=number) for number in range(20)))
    after = write_version(tmp_path / "new", *(rows(sample=number) for number in range(8, 40)))
    every = list(changed_rows(before, after))
    by_group = Counter((row.table, row.change, row.why) for row in every)
    result = changes(before, after)
    assert by_group == {
        (config, group.change, group.why): group.n_rows
        for config, table_changes in result.tables.items()
        for group in table_changes.groups
    }
    added = [row.key for row in every if row.table == "codeio" and row.change == "added"]
    assert added == [f"f.u.p.t/{number}" for number in range(20, 40)]
    assert result.tables["codeio"].groups[0].examples == tuple(added[:5])


def test_how_they_were_made_differently(tmp_path):
    recorded = {
        "model": "m",
        "options": {"turns": 1, "seed": 0},
        "made_with": [{"codeio": "0.1"}, {"codeio": "0.2"}],
    }
    now = {
        **recorded,
        "model": "n",
        "options": {"turns": 2, "seed": 0, "quick": True},
        "command": "codeio build",
    }
    before = write_version(tmp_path / "old", rows(turns={"model": "m"}), provenance=recorded)
    after = write_version(tmp_path / "new", rows(turns={"model": "n"}), provenance=now)
    result = changes(before, after)
    assert result.made_differently == (
        Difference("model", "m", "n"),
        Difference("options.quick", None, True),
        Difference("options.turns", 1, 2),
        Difference("turns.model", ["m"], ["n"]),
    )
    assert "not recorded" in shown(result)
    assert "made differently, options.turns: 1 → 2" in markdown(result)
    without_provenance = Version("old", before.folder, {})
    assert [difference.what for difference in changes(without_provenance, after).made_differently] == [
        "turns.model"
    ]


def test_json_holds_all_of_it(tmp_path):
    result = changes(write_version(tmp_path / "old", rows()), write_version(tmp_path / "new", rows(sample=1)))
    as_json = json.loads(json.dumps(result.to_json()))
    assert as_json["tables"]["codeio"]["groups"][0] == {
        "change": "added",
        "why": ["sample"],
        "n_rows": 1,
        "examples": ["f.u.p.t/1"],
    }


def test_what_others_wrote_is_no_markup(tmp_path):
    bad = "<b>|\x1b[31m[red]\n# x"
    before = write_version(tmp_path / "old", rows())
    after = write_version(tmp_path / "new", rows(turns={"status": bad}), provenance={"model": bad})
    result = changes(Version(bad, before.folder, {"model": "m"}), after)
    for text in (shown(result), markdown(result)):
        assert "\x1b" not in text
        assert "\n# x" not in text
    assert "[red]" in shown(result)
    assert "&lt;b&gt;\\|" in markdown(result)


def test_a_foreign_table_is_refused_by_name(tmp_path):
    before, after = write_version(tmp_path / "old", rows()), write_version(tmp_path / "new", rows())
    (file,) = after.folder.files("turns")
    pq.write_table(pq.read_table(file).drop_columns(["response_id"]), file)
    with pytest.raises(VersionError, match="turns of new has no column response_id"):
        changes(before, after)


def test_a_damaged_file_is_named(tmp_path):
    before, after = write_version(tmp_path / "old", rows()), write_version(tmp_path / "new", rows())
    (file,) = after.folder.files("codeio")
    content = file.read_bytes()
    file.write_bytes(content[:4] + bytes(200) + content[204:])
    with pytest.raises(VersionError, match="codeio/train"):
        changes(before, after)


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        ("response_id", [["a"]], "response_id is list"),
        ("turn", ["x"], "turn is string"),
        ("task_id", [b"\xff\xfe"], "task_id is binary"),
        ("sample", [{"a": 1}], "sample is struct"),
    ],
)
def test_what_cannot_name_a_row_is_refused(tmp_path, column, values, said):
    before, after = write_version(tmp_path / "old", rows()), write_version(tmp_path / "new", rows())
    (file,) = after.folder.files("turns")
    table = pq.read_table(file)
    pq.write_table(table.set_column(table.column_names.index(column), column, pa.array(values)), file)
    with pytest.raises(VersionError, match=said):
        changes(before, after)


def garbled(file):
    file.write_bytes(b"garbage")


def replaced_by_folder(file):
    file.unlink()
    file.mkdir()


def replaced_by_pipe(file):
    file.unlink()
    os.mkfifo(file)


def with_a_column_twice(file):
    table = pq.read_table(file)
    pq.write_table(table.append_column("status", table["status"]), file)


def without_text(file):
    table = pq.read_table(file)
    odd = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xfe")]
    )
    pq.write_table(table.set_column(table.column_names.index("response"), "response", odd), file)


@pytest.mark.parametrize(
    "change", [garbled, replaced_by_folder, replaced_by_pipe, with_a_column_twice, without_text]
)
def test_an_odd_file_is_one_sentence(tmp_path, change):
    before, after = write_version(tmp_path / "old", rows()), write_version(tmp_path / "new", rows())
    change(*after.folder.files("turns"))
    with pytest.raises(VersionError):
        changes(before, after)
    with pytest.raises(VersionError):
        list(changed_rows(before, after))


SMALL = st.integers(0, 2)
CHAINS = st.lists(
    st.builds(
        lambda file, function, pair, task, sample, status, license: rows(
            file=f"f{file}",
            function=f"u{function}",
            pair=f"p{pair}",
            task=f"t{task}",
            sample=sample,
            **{
                "turns": {"status": status},
                "codeio": {"status": status},
                "functions": {"license": license},
            },
        ),
        *[SMALL] * 5,
        st.sampled_from(["wrong", "correct", None]),
        st.sampled_from(["mit", "bsd"]),
    ),
    min_size=1,
    max_size=6,
)
ANSWERS = ("f0.u0.p0.t0/0", "f0.u0.p0.t0.0.0")
LOST = st.lists(
    st.builds(
        dropped_row,
        st.sampled_from(["raw_code", "functions", "io_pairs", "tasks", "responses", "codeio"]),
        st.sampled_from(
            ["here/f0.py", "f0", "f1.u0", "f0.u0.p0", "f0.u0.p0.t0", "f0.u0.p0.t0/0", "f0.u0.p0.t0.0.0"]
        ),
        st.sampled_from(["f0", "", None]),
        st.sampled_from(["odd", "even"]),
    ),
    max_size=3,
)
VERSIONS = st.tuples(CHAINS, LOST, st.sets(st.sampled_from(list(TABLES)), max_size=3))


def stored_rows(folder, config):
    return [row for file in folder.files(config) for row in pq.read_table(file).to_pylist()]


def naive(config, old, new):
    """Return the same counts, compared row by row; the keys of the rows must be distinct."""
    before, after = ({tuple(row[c] for c in TABLES[config].key): row for row in rows} for rows in (old, new))
    both = before.keys() & after.keys()
    status = TABLES[config].grade
    regraded = {key for key in both if status and before[key][status] != after[key][status]}
    return {
        "added": len(after.keys() - both),
        "removed": len(before.keys() - both),
        "regraded": len(regraded),
        "changed": sum(before[key] != after[key] for key in both - regraded),
        "moved": 0,
    }


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(VERSIONS, min_size=2, max_size=2))
def test_there_is_the_mirror_of_back(tmp_path_factory, drawn):
    root = tmp_path_factory.mktemp("drawn")
    both = []
    for name, (chains, drops, without) in zip(("old", "new"), drawn, strict=True):
        last = {}  # one row for each key, as a build writes them
        for part in chains:
            for config, row in part.items():
                last.setdefault(config, {})[tuple(row[c] for c in TABLES[config].key)] = row
        parts = [{config: row} for config, some in last.items() for row in some.values()]
        both.append(write_version(root / name, *parts, *drops, without=without))
    forward, back = changes(*both), changes(*reversed(both))
    for change, mirrored in (("added", "removed"), ("removed", "added"), ("changed", "changed")):
        assert groups(forward, change) == groups(back, mirrored)
    swapped = {
        config: {(now, was): n_rows for (was, now), n_rows in some.items()}
        for config, some in groups(back, "regraded").items()
    }
    assert groups(forward, "regraded") == swapped
    for config, table_changes in forward.tables.items():
        counts = counted(forward, config)
        alike = table_changes.n_unchanged + counts["regraded"] + counts["changed"]
        assert (alike + counts["removed"], alike + counts["added"]) == (
            table_changes.n_old,
            table_changes.n_new,
        )
        if config != "dropped":
            assert counts == naive(config, *(stored_rows(side.folder, config) for side in both))


def test_more_samples_of_a_real_build(finished):
    old, new = finished("--samples", 1).out, finished("--samples", 2).out
    result = changes(open_version(str(old)), open_version(str(new)))
    added = groups(result, "added")
    assert {config: set(why) for config, why in added.items()} == {
        "turns": {("sample",)},
        "codeio": {("sample",)},
        "codeio_pp": {("sample",)},
        "preference": {("table",)},
    }
    assert groups(result, "changed") == {"rlvr": {("n_samples", "pass_rate", "pass_rate_model"): 8}}
    assert not groups(result, "removed")
    assert Difference("options.samples", 1, 2) in result.made_differently


def test_another_model_in_a_real_build(monkeypatch, tmp_path, finished):
    old, new = finished("--samples", 1), tmp_path / "new"
    with ChatServer(model="large") as server:
        server.reply = scripted_reply
        assert build(monkeypatch, old.source, new, server, "--samples", 1) == 0
    result = changes(open_version(str(old.out)), open_version(str(new)))
    assert groups(result, "added") == groups(result, "removed") == {"turns": {("request",): 8}}
    assert {difference.what for difference in result.made_differently} == {"model", "turns.model"}


def published(folder: str, repo_id: str, tag: str) -> str:
    from pathlib import Path

    from hub.publish.upload import Target, publish

    return publish(Path(folder), Target(repo_id, tag=tag), "A version").oid


def compared(old: str, new: str) -> dict[str, object]:
    from hub.changes.compare import changes
    from hub.versions import open_version

    return changes(open_version(old), open_version(new)).to_json()


def test_published_versions(hub_client: Client, local_hub: LocalHub, tmp_path):
    first, second = (
        write_version(tmp_path / "first", rows()),
        write_version(tmp_path / "second", rows(), rows(file="g")),
    )
    for version in (first, second):
        version.folder.write_readme(card(version.folder, {}, "data"))
    oid = hub_client.run(published, str(first.folder.root), REPO, "v1.0.0")
    hub_client.run(published, str(second.folder.root), REPO, "v2.0.0")
    result = hub_client.run(compared, f"{REPO}@v1.0.0", REPO)
    assert result["old"] == f"{REPO}@{oid}"
    assert {name for name, table_changes in result["tables"].items() if table_changes["groups"]} == set(
        MADE_OF
    )
    assert all(
        group["why"] == ["file"]
        for table_changes in result["tables"].values()
        for group in table_changes["groups"]
    )
    local = hub_client.run(compared, str(second.folder.root), f"{REPO}@v2.0.0")
    assert not any(table_changes["groups"] for table_changes in local["tables"].values())
