"""A new table needs one declaration and one stage: all other code, from build to Hub, derives the rest."""

import json
import re
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from datasets import load_dataset
from huggingface_hub import DatasetCard

from builders import training_set
from builders.cli.summary import figures
from builders.running.run import Run
from builders.schema import TABLES
from builders.tables.folder import Folder
from hub.audit.failing import failing_rows
from hub.changes.changelog import markdown
from hub.changes.compare import changes
from hub.figures import funnel_figure
from hub.layout import is_version_file
from hub.publish.release import prepare_release, write_card
from hub.versions import open_version
from tests.auditing import build_data, change_rows, refresh_card
from tests.doubles.local_hub import Client, LocalHub
from tests.stories.new_table import LENGTHS, declare

REPO = "ada/lengths"
FUNNEL_LINE = r"| lengths | 4 | 4 not\_measured |"


@pytest.fixture(scope="module", autouse=True)
def _declared():
    views = training_set.VIEWS
    declare()
    yield
    training_set.VIEWS = views
    del TABLES["lengths"]


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    return build_data(tmp_path_factory.mktemp("new_table"))


@pytest.fixture
def a_copy(made, tmp_path) -> Path:
    return shutil.copytree(made, tmp_path / "build")


def rows_of(root: Path) -> list[dict]:
    return Folder(root).read("lengths").to_list()


def test_it_is_written_and_loaded(made):
    splits = load_dataset(str(made), "lengths")
    assert sum(map(len, splits.values())) == 4
    for split, rows in splits.items():
        assert rows.features == LENGTHS.features
        codeio = load_dataset(str(made), "codeio", split=split)
        assert set(rows["task_id"]) <= set(codeio["task_id"])
    assert all(json.loads(row["n_chars"]) and len(row["grades"]) == 4 for row in rows_of(made))


def test_what_it_could_not_use_is_counted(made):
    numbers = figures(Folder(made), Run(made))
    assert numbers["dropped"]["lengths"] == {"not_measured": 4}
    figure = funnel_figure(numbers["rows"], numbers["dropped"])
    assert "lengths" in [label.get_text() for label in figure.axes[0].get_yticklabels()]


def test_the_card_describes_it(made):
    card = DatasetCard.load(made / "README.md")
    assert "| `lengths` | how long the first answers to a question are | 4 |" in card.text
    assert FUNNEL_LINE in card.text
    assert "<code>lengths</code>: how long the first answers to a question are</summary>" in card.text
    assert "| `grades` | list of string | the verdict on each |" in card.text
    assert "lengths" in [config["config_name"] for config in card.data.configs]
    (info,) = [info for info in card.data.dataset_info if info["config_name"] == "lengths"]
    assert [feature["name"] for feature in info["features"]] == list(LENGTHS.columns)


def test_an_audit_finds_nothing_in_it_as_it_is(made, audited):
    report = audited(made)
    assert report.findings == []


def setting(column, value):
    def change(rows):
        rows[0][column] = value

    return change


DAMAGES = {
    "a value that does not follow": (setting("grades", ["correct"]), {"views"}),
    "a text of which the id is no hash": (setting("longest", "Longer than it was."), {"ids", "views"}),
    "no text": (setting("longest", None), {"files", "views"}),
    "no JSON": (setting("n_chars", "[1, 2]"), {"files", "views"}),
    "another licence": (setting("license", "isc"), {"licences"}),
    "a task that is not there": (setting("task_id", "0" * 16), {"ids", "views"}),
    "a row twice": (lambda rows: [*rows, rows[0]], {"ids"}),
    "a row less": (lambda rows: rows[1:], {"views"}),
    "a row more": (
        lambda rows: [*rows, {**rows[0], "longest": "?", "length_id": "1" * 16}],
        {"ids", "views"},
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_an_audit_finds_a_damaged_row(a_copy, name, audited):
    change, checks = DAMAGES[name]
    split = next(iter(Folder(a_copy).counts()["lengths"]))
    change_rows(a_copy, "lengths", change, split)
    report = audited(a_copy, sample=1)
    assert {(finding.check, finding.config) for finding in report.findings} == {
        (c, "lengths") for c in checks
    }
    assert failing_rows(report, Folder(a_copy), 9) or name in ("a row less",)


def test_an_audit_finds_a_row_in_the_other_split(a_copy, audited):
    file = next((a_copy / "lengths").glob("*.parquet"))
    other = "train" if file.name.startswith("test-") else "test"
    for other_file in (a_copy / "lengths").glob(f"{other}-*.parquet"):
        other_file.unlink()
    file.rename(file.with_name(f"{other}-00000-of-00001.parquet"))
    refresh_card(a_copy)
    assert ("splits", "lengths") in {(f.check, f.config) for f in audited(a_copy, sample=1).findings}


def test_changes_report_it(made, a_copy):
    split = next(iter(Folder(a_copy).counts()["lengths"]))
    change_rows(a_copy, "lengths", lambda rows: [{**rows[0], "grades": ["timeout"]}, *rows[2:]], split)
    comparison = changes(open_version(str(a_copy)), open_version(str(made)))
    groups = {group.change: group for group in comparison.tables["lengths"].groups}
    assert set(groups) == {"added", "regraded"}
    assert groups["added"].why == ("row",)
    assert groups["regraded"].why[0] == "timeout"
    assert groups["added"].examples[0] in {row["length_id"] for row in rows_of(made)}
    assert re.search(r"\| lengths \| 3 \| 4 \| 1 \|", markdown(comparison))


def test_changes_name_what_its_rows_were_made_of(made, a_copy):
    """Rows of a task that only one of the versions has are explained by that task."""
    removed = rows_of(a_copy)[0]["task_id"]
    for config in ("tasks", "turns", "codeio", "codeio_pp", "rlvr", "preference", "lengths"):
        for file in (a_copy / config).glob("*.parquet"):
            kept = pq.read_table(file, filters=[("task_id", "!=", removed)])
            pq.write_table(kept, file)
    comparison = changes(open_version(str(a_copy)), open_version(str(made)))
    assert [group.why for group in comparison.tables["lengths"].groups] == [("task",)]


def test_a_secret_in_it_is_not_published(a_copy):
    rows_with_address = []

    def change(rows):
        rows[0]["longest"] = "Write to ada.lovelace@example.org."
        rows_with_address.append(rows[0])

    change_rows(a_copy, "lengths", change, next(iter(Folder(a_copy).counts()["lengths"])))
    released = prepare_release(Folder(a_copy))
    (row,) = rows_with_address
    assert [(row.config, row.row_id) for row in released.excluded] == [("lengths", row["length_id"])]
    for config in ("lengths", "turns"):
        assert row["task_id"] not in released.folder.column(config, "task_id")
    assert len(released.folder.column("lengths", "task_id")) == 3


def published(folder: str, repo: str) -> dict[str, object]:
    import sys

    from datasets import load_dataset

    from builders.cli.main import main
    from hub.versions import open_version
    from tests.stories.new_table import declare

    declare()
    sys.argv = ["codeio", "publish", folder, repo]
    code = None
    try:
        main()
    except SystemExit as end:
        code = end.code
    return {
        "code": code,
        "loaded": [row for rows in load_dataset(repo, "lengths").values() for row in rows],
        "counts": open_version(repo).folder.counts()["lengths"],
    }


def test_it_is_published(made, tmp_path, hub_client: Client, local_hub: LocalHub):
    folder = shutil.copytree(made, tmp_path / "build")
    result = hub_client.run(published, str(folder), REPO)
    assert not result["code"]
    assert sorted(result["loaded"], key=str) == sorted(rows_of(made), key=str)
    assert result["counts"] == Folder(made).counts()["lengths"]
    files = [name for name in local_hub.files(REPO) if name.startswith("lengths/")]
    assert files
    assert all(map(is_version_file, files))
    assert FUNNEL_LINE in local_hub.files(REPO)["README.md"].decode()


def test_a_version_keeps_its_rows_where_they_were(made, tmp_path):
    """Rows that a published version has keep their order in the next one."""
    before, after = (shutil.copytree(made, tmp_path / name) for name in ("before", "after"))
    first = prepare_release(Folder(before))
    write_card(first, REPO, "")
    split = next(iter(Folder(after).counts()["lengths"]))
    change_rows(after, "lengths", lambda rows: rows[::-1], split)
    second = prepare_release(Folder(after), before=first.folder)
    assert second.folder.column("lengths", "length_id") == first.folder.column("lengths", "length_id")
