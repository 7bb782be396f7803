"""The rows of a folder that may be published, and the rows that are excluded with others."""

import json

import pyarrow.parquet as pq
import pytest
from datasets import load_dataset
from huggingface_hub import DatasetCard
from markdown_it import MarkdownIt

from builders.schema import TABLES
from builders.tables.arrow import table
from builders.tables.folder import Folder
from hub.publish.next_version import changelog
from hub.publish.release import prepare_release, write_card
from hub.publish.upload import PublishError
from hub.rights.licences import PERMISSIVE
from hub.versions import Version

KEY = "AKIA" + "QWERTYUIOPASDFGH"  # in two parts, so that secret scanners do not report this file
NAMES = ("open", "closed", "unknown")
LICENSES = {"open": "mit", "closed": "gpl-3.0-only", "unknown": None}


def rows(name, **more):
    """Return one row of each table, all made of one file."""
    own = {
        "raw_code": {"code_id": f"c-{name}", "content": f"def {name}(): pass", "license": LICENSES[name]},
        "functions": {"function_id": f"f-{name}", "code_id": f"c-{name}", "license": LICENSES[name]},
        "io_pairs": {"pair_id": f"p-{name}", "function_id": f"f-{name}"},
        "tasks": {"task_id": f"t-{name}", "pair_id": f"p-{name}", "function_id": f"f-{name}"},
        "turns": {"response_id": f"r-{name}", "task_id": f"t-{name}", "response": "It is 3."},
        "codeio": {"task_id": f"t-{name}", "status": "correct"},
        "dropped": {"stage": "functions", "row_id": f"x-{name}", "parent_id": f"c-{name}", "content": "def"},
    }
    return {config: {**row, **more.get(config, {})} for config, row in own.items()}


def folder(path, *made):
    written = Folder(path)
    (path / ".codeio").mkdir(parents=True)
    for config in made[0]:
        written.write(
            config, {"train": table([one[config] for one in made if config in one], TABLES[config].features)}
        )
    return written


def first_values(dataset):
    """Return the first column of each table."""
    return {config: {row[next(iter(row))] for row in dataset.read(config)} for config in dataset.counts()}


def published(*kinds):
    return {
        "raw_code": {f"c-{kind}" for kind in kinds},
        "functions": {f"f-{kind}" for kind in kinds},
        "io_pairs": {f"p-{kind}" for kind in kinds},
        "tasks": {f"t-{kind}" for kind in kinds},
        "turns": {f"r-{kind}" for kind in kinds},
        "codeio": {f"t-{kind}" for kind in kinds},
        "dropped": {"functions"},
    }


def test_rows_without_a_permissive_licence_are_excluded_with_all_made_from_them(tmp_path):
    made = prepare_release(folder(tmp_path / "out", *map(rows, NAMES)))
    assert first_values(made.folder) == published("open")
    assert len(made.folder.read("dropped")) == 1
    assert [(row.config, row.row_id, row.reason) for row in made.excluded] == [
        ("raw_code", "c-closed", "licence"),
        ("raw_code", "c-unknown", "no_licence"),
    ]


def test_more_licences_can_be_allowed(tmp_path):
    made = prepare_release(folder(tmp_path / "out", *map(rows, NAMES)), allowed=PERMISSIVE | {"GPL-3.0-only"})
    assert first_values(made.folder) == published("open", "closed")


@pytest.mark.parametrize(
    ("config", "column", "gone"),
    [
        ("raw_code", "content", set(TABLES)),
        ("functions", "reference_code", set(TABLES) - {"raw_code", "dropped"}),
        ("turns", "response", {"tasks", "turns", "codeio"}),
        ("dropped", "content", {"dropped"}),
    ],
)
def test_a_row_with_a_secret_is_excluded_with_all_made_from_it(tmp_path, config, column, gone):
    made = prepare_release(folder(tmp_path / "out", rows("open", **{config: {column: f'key = "{KEY}"'}})))
    assert set(made.folder.counts()) == set(rows("open")) - gone
    assert [(row.config, row.reason) for row in made.excluded] == [(config, "secret")]
    assert not [
        file for file in made.folder.root.rglob("*") if file.is_file() and KEY.encode() in file.read_bytes()
    ]


def test_functions_without_files_are_judged_by_their_own_licence(tmp_path):
    made = [{c: row for c, row in rows(name).items() if c != "raw_code"} for name in NAMES]
    made = prepare_release(folder(tmp_path / "out", *made))
    assert made.folder.read("functions")["function_id"][:] == ["f-open"]
    assert [row.config for row in made.excluded] == ["functions", "functions"]


def test_files_without_exclusions_are_linked(tmp_path):
    source = folder(tmp_path / "out", rows("open"))
    made = prepare_release(source)
    for file in source.files("turns"):
        assert (made.folder.root / "turns" / file.name).samefile(file)
    assert prepare_release(source).folder.counts() == source.counts()  # and when it is repeated


def test_a_dropped_row_needs_a_known_origin(tmp_path):
    lost = {"stage": "raw_code", "row_id": "somewhere/x.py", "parent_id": "somewhere", "content": "def"}
    made = prepare_release(folder(tmp_path / "out", {**rows("open"), "dropped": lost}))
    assert "dropped" not in made.folder.counts()
    assert [(row.row_id, row.reason) for row in made.excluded] == [("somewhere/x.py", "no_licence")]


def test_only_the_chosen_tables_are_published(tmp_path):
    made = prepare_release(folder(tmp_path / "out", rows("open")), configs=["turns", "tasks"])
    assert set(made.folder.counts()) == {"turns", "tasks"}
    assert {"verifier.py", "io_prediction.py"} <= {path.name for path in made.folder.root.iterdir()}
    assert (made.folder.root / "prompts" / "task.md").exists()


def test_what_is_laid_out_can_be_loaded(tmp_path):
    made = prepare_release(folder(tmp_path / "out", *map(rows, NAMES)))
    write_card(made, "ada/data", "")
    assert load_dataset(str(made.folder.root), "turns", split="train")["response_id"][:] == ["r-open"]


def garbled(file):
    file.write_bytes(b"garbage")


def of_another_split(file):
    file.rename(file.with_name("validation-00000-of-00001.parquet"))


def older(file):
    pq.write_table(pq.read_table(file).drop_columns(["answer_forced"]), file)


@pytest.mark.parametrize(
    ("change", "said"),
    [(garbled, "cannot be read"), (of_another_split, "not a file"), (older, "answer_forced")],
)
@pytest.mark.parametrize("kinds", [("open",), NAMES])
def test_a_file_that_this_version_did_not_write_is_refused(tmp_path, kinds, change, said):
    source = folder(tmp_path / "out", *map(rows, kinds))
    change(*source.files("turns"))
    with pytest.raises(PublishError, match=said):
        prepare_release(source)


def test_a_file_without_rows_is_not_published(tmp_path):
    source = folder(tmp_path / "out", rows("open"))
    (file,) = source.files("turns")
    pq.write_table(pq.read_table(file).slice(0, 0), file.with_name("test-00000-of-00001.parquet"))
    made = prepare_release(source)
    write_card(made, "ada/data", "")
    assert made.folder.counts()["turns"] == {"train": 1}
    assert load_dataset(str(made.folder.root), "turns").keys() == {"train"}


def test_provenance_of_strangers_is_shown_as_text(tmp_path):
    source = folder(tmp_path / "out", rows("open"))
    evil = "x\n```\n\n<script>alert(1)</script>"
    recorded = {
        "options": {"seed": evil, "test_share": evil},
        "source": evil,
        "limits": {"cpu_s": evil, "wall_s": evil, "memory_mb": evil},
        "sandboxes": [evil],
        "made_with": [{evil: evil}],
        "command": evil,
        "left_behind": {evil: 3},
    }
    (source.root / "provenance.json").write_text(json.dumps(recorded))
    made = prepare_release(source)
    write_card(made, "ada/data", "")
    text = DatasetCard.load(made.folder.root / "README.md").text
    assert "<script" not in MarkdownIt("commonmark", {"html": True}).enable("table").render(text)


def test_a_version_can_follow_one_without_a_readme(tmp_path):
    made = prepare_release(folder(tmp_path / "out", rows("open")))
    said = changelog(made, Version("before", made.folder, {}), "v2")
    assert said.startswith("### v2\n\nCompared with before")
