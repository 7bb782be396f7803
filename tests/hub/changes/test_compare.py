"""The comparison of two versions: which rows differ, and how."""

from collections import Counter

from builders.schema import TABLES
from hub.card.card import card
from hub.changes.changelog import markdown
from hub.changes.compare import changed_rows, changes
from hub.changes.differences import Difference
from hub.versions import open_version
from tests.building import build, scripted_reply
from tests.doubles.chat_server import ChatServer
from tests.doubles.local_hub import Client, LocalHub
from tests.hub.changes.versions import MADE_OF, counted, dropped_row, groups, rows, shown, write_version

REPO = "ada/data"


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


def test_regraded_rows_have_both_statuses(tmp_path):
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


def test_changed_rows_have_the_columns_that_differ(tmp_path):
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


def test_every_changed_row_is_listed(tmp_path):
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
