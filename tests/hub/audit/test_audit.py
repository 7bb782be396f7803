"""The audit finds each alteration and nothing else, and has no findings in unaltered data."""

import json
import shutil
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builders.running.observer import Observer
from builders.schema import TABLES
from builders.tables.folder import Folder
from hub.audit import Finding, Report, audit
from hub.audit.failing import failing_rows
from hub.versions import Version, open_version
from tests.auditing import change_rows, failed_checks, refresh_card, run_audit


def test_unaltered_data_has_no_findings(a_build, a_release):
    for root in (a_build, a_release):
        report = run_audit(root)
        assert report.findings == []
        assert report.holds
        assert {n == of for n, of in report.checked.values()} == {True}
        assert report.checked["turns"][0] == 48
        assert report.checked["pairs"][0] == 4
    assert report.not_checked == []
    assert report.checked["splits"][0] > 100


def first(rows, **values):
    """Return the first row that has these values."""
    return next(row for row in rows if all(row[name] == value for name, value in values.items()))


def set_cell(column, value, **values):
    """Return a change of one cell in the first row with these values; `value` may map the old one."""

    def change(rows):
        row = first(rows, **values)
        row[column] = value(row[column]) if callable(value) else value

    return change


def replace_message(number, text):
    """Return a function that gives one of several messages another text."""
    return lambda messages: [
        {**message, "content": text} if index == number else message for index, message in enumerate(messages)
    ]


def remove_row(**values):
    """Return a change that removes the first row with these values."""
    return lambda rows: [row for row in rows if row is not first(rows, **values)]


def repeat_row(**values):
    """Return a change that repeats the first row with these values."""
    return lambda rows: [*rows, first(rows, **values)]


ONE_CELL = {
    "status": (
        "turns",
        set_cell("status", "wrong", sample=1, turn=1),
        {"turns/turns": 1, "views/codeio_pp": 1},
    ),
    "feedback": ("turns", set_cell("feedback", "No.", sample=3, turn=1), {"turns/turns": 1}),
    "feedback on a reply that was cut off": (
        "turns",
        set_cell("feedback", "Be longer.", sample=3, turn=0),
        {"turns/turns": 1, "ids/turns": 1},
    ),
    "prediction": ("turns", set_cell("prediction", "7", sample=0), {"turns/turns": 1}),
    "answer that was not asked for": (
        "turns",
        set_cell("answer_forced", True, sample=3, turn=0),
        {"turns/turns": 1},
    ),
    "sampling": ("turns", set_cell("sampling", '{"temperature":0}', sample=0), {"ids/turns": 1}),
    "model": ("turns", set_cell("model", "mine", sample=1, turn=1), {"ids/turns": 1}),
    "number of a turn": ("turns", set_cell("turn", 5, sample=1, turn=1), {"views/turns": 1}),
    "prompt id": ("turns", set_cell("prompt_id", "0" * 16, sample=0), {"shipped/turns": 1}),
    "message": (
        "codeio_pp",
        set_cell("messages", replace_message(2, "x"), sample=0),
        {"views/codeio_pp": 1},
    ),
    "system message": (
        "codeio",
        set_cell("messages", replace_message(0, "Lie."), sample=0),
        {"views/codeio": 1},
    ),
    "status of a view": ("codeio", set_cell("status", "correct", status="wrong"), {"views/codeio": 1}),
    "source": ("codeio", set_cell("source", "elsewhere"), {"views/codeio": 1}),
    "licence": ("codeio", set_cell("license", "gpl-3.0-only"), {"licences/codeio": 1}),
    "licence of a file": ("raw_code", set_cell("license", "isc"), {"licences/functions": 1}),
    "pass rate": ("rlvr", set_cell("pass_rate", 1.0), {"views/rlvr": 1}),
    "chosen": ("preference", set_cell("chosen", replace_message(0, "x")), {"views/preference": 1}),
    "content of a file": ("raw_code", set_cell("content", lambda text: text + "#"), {"ids/raw_code": 1}),
    "io description": ("functions", set_cell("io_description", "n: a text."), {"ids/tasks": 4}),
    "duplicate turn": ("turns", repeat_row(sample=0), {"ids/turns": 1}),
    "duplicate view row": ("codeio", repeat_row(sample=0), {"ids/codeio": 1}),
    "duplicate function": ("functions", repeat_row(), {"ids/functions": 1}),
    "missing pair": ("io_pairs", remove_row(), {"ids/tasks": 2}),
    "missing view row": ("codeio", remove_row(sample=1), {"views/codeio": 1}),
    "missing turn": ("turns", remove_row(sample=1, turn=1), {"views/codeio_pp": 1}),
    "no response": ("turns", set_cell("response", None, sample=3, turn=1), {"files/turns": 1}),
    "no JSON": ("io_pairs", set_cell("input", "{'n': 1}"), {"files/io_pairs": 1}),
    "other JSON": (
        "io_pairs",
        set_cell("input", lambda text: text.replace(":", ": ")),
        {"files/io_pairs": 1},
    ),
    "sideways": ("tasks", set_cell("direction", "sideways"), {"files/tasks": 1}),
}


@pytest.mark.parametrize("name", ONE_CELL)
def test_what_is_altered_is_found_and_nothing_else(a_build, name, audited):
    config, change, expected = ONE_CELL[name]
    change_rows(a_build, config, change)
    report = audited(a_build)
    counts = Counter(f"{finding.check}/{finding.config}" for finding in report.findings)
    assert counts == expected, report.findings


def test_a_wrong_output_is_found_in_its_row_and_in_all_rows_made_from_it(a_build, audited):
    change_rows(a_build, "io_pairs", set_cell("output", "12345"))
    report = audited(a_build)
    assert failed_checks(report) == {
        ("ids", "io_pairs"),
        ("pairs", "io_pairs"),
        ("ids", "tasks"),
        ("turns", "turns"),
        ("views", "rlvr"),
    }
    (detail,) = [finding.detail for finding in report.findings if finding.check == "pairs"]
    assert detail.startswith("the output is 12345, but the code returns ")


def test_a_task_of_another_function(a_build, audited):
    change_rows(a_build, "tasks", lambda rows: rows[0].update(function_id=rows[-1]["function_id"]))
    assert any(
        finding.check == "ids" and finding.config == "tasks" and finding.detail.startswith("function_id is")
        for finding in audited(a_build).findings
    )


def test_a_row_in_the_other_split(a_build, audited):
    moved = []
    change_rows(a_build, "codeio", lambda rows: [moved.append(row) or row for row in rows[:1]] and rows[1:])
    file = a_build / "codeio" / "test-00000-of-00001.parquet"
    pq.write_table(pa.Table.from_pylist(moved, TABLES["codeio"].features.arrow_schema), file)
    refresh_card(a_build)
    (finding,) = audited(a_build).findings
    assert (finding.check, finding.config) == ("splits", "codeio")
    assert finding.detail == "is in test, but its function belongs in train"


def test_a_function_must_be_in_one_split_if_the_test_share_is_unknown(a_build):
    config = "codeio"
    (file,) = (a_build / config).glob("*.parquet")
    rows = pq.read_table(file)
    pq.write_table(rows.slice(0, 1), file.with_name("test-00000-of-00001.parquet"))
    pq.write_table(rows.slice(1), file)
    refresh_card(a_build)
    built = open_version(str(a_build))
    report = audit(Version(built.name, built.folder, {}), sample=1, workers=1)
    assert failed_checks(report) == {("splits", config)}


def test_rows_that_may_not_be_published_are_found_in_published_data(a_release, audited):
    key = "AKIA" + "QWERTYUIOPASDFGH"  # in two parts, so that scanners do not find it here
    change_rows(a_release, "raw_code", set_cell("license", "gpl-3.0-only"))
    change_rows(a_release, "turns", set_cell("response", f'I use "{key}".', sample=3, turn=1))
    licences = [finding for finding in audited(a_release, sample=1).findings if finding.check == "licences"]
    assert {(finding.config, finding.detail.split(":")[0]) for finding in licences} == {
        ("raw_code", "licence"),
        ("functions", "has the licence mit, but what it was made from has gpl-3.0-only"),
        ("turns", "secret"),
    }
    provenance = json.loads((a_release / "provenance.json").read_text())
    allowed = {**provenance, "licenses_allowed": ["MIT", "GPL-3.0-only"]}
    (a_release / "provenance.json").write_text(json.dumps(allowed))
    details = {finding.detail for finding in audited(a_release, sample=1).findings}
    assert not any(detail.startswith("licence:") for detail in details)


def test_a_sample_depends_only_on_its_seed(a_build, audited):
    def change(rows):
        for row in rows:
            row["feedback"] = "Other words."

    change_rows(a_build, "turns", change)
    runs = [audited(a_build, sample=5, seed=seed) for seed in (0, 0, 1)]
    row_ids = [[f.row_id for f in run.findings if f.check == "turns"] for run in runs]
    assert row_ids[0] == row_ids[1] != row_ids[2]
    assert [len(rows) for rows in row_ids] == [5, 5, 5]
    assert runs[0].checked["turns"] == (5, 48)
    assert runs[0].checked["pairs"] == (4, 4)
    assert runs[0].checked["views"][0] == runs[0].checked["views"][1] > 100


def test_progress_is_reported(a_build, audited):
    class Recorder(Observer):
        def __init__(self):
            self.ends_of = {}

        def on_end(self, meter, n_kept, n_dropped):
            self.ends_of[meter.stage] = (round(meter.rows), meter.n_rows, n_kept, n_dropped)

    recorder = Recorder()
    change_rows(a_build, "turns", set_cell("status", "timeout", sample=3, turn=1))
    audited(a_build, observer=recorder)
    assert recorder.ends_of["turns"] == (48, 48, 47, 1)
    assert recorder.ends_of["pairs"] == (4, 4, 4, 0)
    assert recorder.ends_of["views"] == (112, 112, 112, 0)


def test_rows_without_their_parents_are_searched_themselves(a_release, audited):
    for config in set(TABLES) - {"codeio_pp"}:
        shutil.rmtree(a_release / config, ignore_errors=True)

    def change(rows):
        rows[0]["messages"][2]["content"] = "Write to ada.lovelace@example.org."
        rows[1]["license"] = "gpl-3.0-only"

    change_rows(a_release, "codeio_pp", change)
    assert [(f.check, f.config, f.detail.split()[0]) for f in audited(a_release).findings] == [
        ("licences", "codeio_pp", "may"),
        ("licences", "codeio_pp", "secret:"),
    ]


def test_failing_rows_have_all_columns(a_build, audited):
    change_rows(a_build, "turns", set_cell("status", "timeout", sample=3, turn=1))
    report, folder = audited(a_build), Folder(a_build)
    rows = failing_rows(report, folder, 9)
    assert list(rows) == list(dict.fromkeys((f.config, f.row_id) for f in report.findings))
    assert ("turns", "timeout") in {(config, row.get("status")) for (config, _), row in rows.items()}
    assert all(
        row_id.startswith(row["task_id"]) for (config, row_id), row in rows.items() if config != "turns"
    )
    assert list(failing_rows(report, folder, 1).items()) == list(rows.items())[:1]


def test_tables_that_cannot_be_read_are_left_alone(a_build):
    (file,) = (a_build / "turns").glob("*.parquet")
    file.write_bytes(b"PAR1")
    broken = [Finding("files", "turns", "", "cannot be read"), Finding("turns", "turns", "x", "is wrong")]
    report = Report("data", {}, [*broken, Finding("readme", "", "README.md", "is not there")], [])
    assert failing_rows(report, Folder(a_build), 9) == {}
