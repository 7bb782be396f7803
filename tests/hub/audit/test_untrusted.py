"""Hostile or broken data leads to findings, never to a crash, and nothing of it runs outside the sandbox."""

import json
import os
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

import hub.audit
from builders.execution import SandboxUnavailable
from builders.running.provenance import provenance
from builders.schema import TABLES, content_id
from hub.audit import Finding, Report, rendered
from hub.versions import VersionError, open_version
from tests.auditing import OPTIONS, audit_with_limits, change_rows, failed_checks, refresh_card, run_audit
from tests.building import run_codeio, scripted_server
from tests.doubles.local_hub import Client, LocalHub


def shard(root, config):
    (file,) = (root / config).glob("*.parquet")
    return file


def bomb(file, n_chars=50_000):
    """Write a small file that unpacks to 200,000 texts of `n_chars` characters, ten gigabytes or more."""
    schema = TABLES["codeio"].features.arrow_schema
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 200_000, pa.int32()), pa.array(["x" * n_chars]))
    rows = pa.table({**{name: pa.nulls(200_000, schema.field(name).type) for name in schema.names}})
    rows = rows.set_column(rows.column_names.index("source"), "source", texts)
    pq.write_table(rows, file, store_schema=False)


def cut_in_half(file):
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def flip_bits(file):
    content = bytearray(file.read_bytes())
    for place in range(50, len(content) - 400, 7):
        content[place] ^= 0xFF
    file.write_bytes(content)


def write_invalid_utf8(file):
    """Write bytes that are not UTF-8 in a column of text."""
    schema = TABLES["codeio"].features.arrow_schema
    odd = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xfe")]
    )
    rows = pa.table({name: pa.nulls(1, schema.field(name).type) for name in schema.names})
    pq.write_table(rows.set_column(rows.column_names.index("source"), "source", odd), file)


def replace_by_pipe(file):
    file.unlink()
    os.mkfifo(file)


def replace_by_folder(file):
    file.unlink()
    file.mkdir()


def change_type(file):
    rows = pq.read_table(file)
    place = rows.column_names.index("sample")
    pq.write_table(rows.set_column(place, "sample", rows["sample"].cast(pa.string())), file)


def add_column(file):
    rows = pq.read_table(file)
    pq.write_table(rows.append_column("mine", pa.array(["x"] * len(rows))), file)


def remove_rows(file):
    pq.write_table(pq.read_table(file).slice(0, 0), file)


ODD_FILES = {
    "garbage": (lambda file: file.write_bytes(b"garbage" * 99), "ArrowInvalid"),
    "nothing": (lambda file: file.write_bytes(b""), "ArrowInvalid"),
    "half": (cut_in_half, "ArrowInvalid"),
    "bits flipped": (flip_bits, ""),
    "a bomb": (bomb, "File too large"),
    "a greedy one": (lambda file: bomb(file, 5_000_000), "ArrowMemoryError"),
    "no text": (write_invalid_utf8, "UTF8"),
    "a pipe": (replace_by_pipe, "is not a file"),
    "a folder": (replace_by_folder, "is not a file"),
    "other type": (change_type, "column sample is string, not int64"),
    "more columns": (add_column, "has columns that are not codeio's: mine"),
    "no rows": (remove_rows, "has no rows"),
}


def test_an_odd_file_takes_its_table_out_and_nothing_else(a_build, audited):
    for name, (change, words) in ODD_FILES.items():
        root = shutil.copytree(a_build, a_build.with_name(name))
        change(shard(root, "codeio"))
        report = audited(root, sample=1)
        assert [(f.check, f.config) for f in report.findings] == [("files", "codeio")], (name, report)
        assert words in report.findings[0].detail, name


def test_checks_that_need_a_broken_table_say_that_they_were_not_made(a_build, audited):
    shard(a_build, "functions").write_bytes(b"garbage")
    report = audited(a_build)
    assert failed_checks(report) == {("files", "functions")}
    assert "pairs: the table functions could not be read completely" in report.not_checked
    assert {"pairs", "turns"}.isdisjoint(report.checked)


def test_only_some_configs(a_release, audited):
    for config in ("functions", "io_pairs", "raw_code", "dropped", "preference"):
        shutil.rmtree(a_release / config, ignore_errors=True)
    refresh_card(a_release)
    report = audited(a_release)
    assert report.findings == []
    not_checked = "\n".join(report.not_checked)
    absent = "pairs: the table io_pairs is not in the dataset"
    for words in (absent, "8 rows would follow", "rlvr", "splits"):
        assert words in not_checked
    change_rows(a_release, "codeio_pp", lambda rows: rows[0].update(turn_1="It is so."))
    assert failed_checks(audited(a_release)) == {("views", "codeio_pp")}


def test_nothing_of_the_data_runs_outside_the_sandbox(a_release, tmp_path):
    trap = tmp_path / "trap"
    (a_release / "verifier.py").write_text(f"open({str(trap)!r}, 'w')\n")
    (a_release / "prompts" / "task.md").write_text(f"{{{{ ''.__class__.__mro__ }}}} {trap}")
    code = f"open({str(trap)!r}, 'w')\ndef f(n):\n    print(n)\n    while True: pass\n"
    change_rows(a_release, "functions", lambda rows: rows[0].update(reference_code=code))
    report = audit_with_limits(a_release, cpu_s=0.2, wall_s=5)
    assert not trap.exists()
    assert Finding("shipped", "", "verifier.py", report.findings[0].detail) == report.findings[0]
    assert {("ids", "functions"), ("pairs", "io_pairs"), ("turns", "turns")} <= failed_checks(report)
    assert any("prompts and messages" in text for text in report.not_checked)


def test_a_verifier_that_does_not_ship_is_named(a_release, audited):
    (a_release / "verifier.py").unlink()
    assert [(f.check, f.row_id) for f in audited(a_release, sample=1).findings] == [
        ("shipped", "verifier.py")
    ]


def test_a_pair_that_all_the_rest_agrees_with_is_run(a_build, tmp_path, audited):
    """Ids, prompts, verdicts and views all follow from a wrong output."""
    wrong = {}

    def change(rows):
        row = rows[0]
        row["output"] = str(int(row["output"]) + 1)
        row["pair_id"] = content_id("io_pair", row["function_id"], row["input"], row["output"])
        wrong[row["pair_id"]] = row["output"]

    change_rows(a_build, "io_pairs", change)
    with pytest.MonkeyPatch.context() as patch, scripted_server() as server:
        options = ("--from", "io_pairs", "--base-url", server.address, *OPTIONS)
        assert run_codeio(patch, "build", a_build, "--out", tmp_path / "second", *options) == 0
    (finding,) = audited(tmp_path / "second").findings
    assert (finding.check, finding.config, finding.row_id) == ("pairs", "io_pairs", *wrong)
    assert "but the code returns" in finding.detail


def test_an_output_that_is_right_only_now_and_here(a_build, audited):
    def change(rows):
        rows[0]["reference_code"] = "import os, time\ndef f(n):\n    return time.time_ns() + os.getpid()\n"

    change_rows(a_build, "functions", change)
    details = [finding.detail for finding in audited(a_build).findings if finding.check == "pairs"]
    assert len(details) == 2
    assert all("is not deterministic" in detail for detail in details)


def test_text_of_strangers_neither_colours_nor_moves_anything(a_build, audited):
    name = "\x1b[31m\x1b]0;title\x07[bold red]x[/]\u202e\r\n"
    change_rows(a_build, "codeio_pp", lambda rows: rows[0].update(task_id=name))
    report = audited(a_build, sample=1)
    assert ("ids", "codeio_pp") in failed_checks(report)
    console = Console(force_terminal=True, color_system=None, width=300, record=True)
    with console.capture() as shown:
        console.print(rendered(report))
    assert not {"\x1b", "\x07", "\u202e", "\r"} & set(shown.get())
    assert "\\x1b[31m" in shown.get()
    assert "[bold red]x[/]" in shown.get()
    json.dumps(report.to_json())


def test_a_long_report_is_cut_and_says_so():
    findings = [Finding("ids", "tasks", str(number), "x" * 5000) for number in range(80)]
    console = Console(width=200)
    with console.capture() as shown:
        console.print(rendered(Report("it", {"ids": (80, 90)}, findings, ["nothing else"])))
    text = shown.get()
    assert "and 30 more; --json lists all of them" in text
    assert "80 of 90" in text
    assert "nothing else" in text
    assert len(text) < 60_000


LIES = {
    "digest": ("sha256:", "sha256:0", {"raw_code"}),
    "path": ("path: codeio/train", "path: ../codeio/train", {"codeio"}),
    "split": ("split: train\n    path: rlvr", "split: test\n    path: rlvr", {"rlvr"}),
    "unknown config": ("configs:\n", "configs:\n- config_name: '[red]mine'\n", {"[red]mine"}),
    "config without files": ("config_name: rlvr", "config_name: rlvr\n- config_name: rlvr", {"rlvr"}),
    "sizes": ("num_examples: ", "num_examples: 7", {"codeio"}),
    "licence": ("license:\n- ", "license:\n- not-", {""}),
    "size": ("size_categories:\n- ", "size_categories:\n- 1", {""}),
    "no configs": ("configs:\n", "configs: nothing\nothers:\n", {""}),
    "bad YAML": ("configs:\n", "configs: [\n", {""}),
    "no metadata": ("---\n", "", {""}),
    "code in YAML": (
        "configs:\n",
        "configs: !!python/object/apply:os.system ['touch trap']\nothers:\n",
        {""},
    ),
}


@pytest.mark.parametrize("name", LIES)
def test_a_readme_that_lies(a_build, name, audited):
    old, new, configs = LIES[name]
    readme = a_build / "README.md"
    text = readme.read_text()
    assert old in text
    readme.write_text(text.replace(old, new, 1))
    findings = audited(a_build, sample=1).findings  # other tests cover the checks that run code
    assert {(f.check, f.config) for f in findings} == {("readme", config) for config in configs}


def test_files_of_no_config_are_named_and_not_read(a_build, audited):
    (a_build / "mine").mkdir()
    (a_build / "mine" / "train-0.parquet").write_bytes(b"garbage")
    (a_build / "codeio" / "validation-0.parquet").write_bytes(b"garbage")
    details = {f.detail for f in audited(a_build, sample=1).findings}
    assert "belongs to no config that codeio knows; it was not read" in details
    assert any("has no split in its name" in detail for detail in details)


def test_provenance_that_asks_for_too_much(a_release, audited):
    provenance = json.loads((a_release / "provenance.json").read_text())
    provenance["limits"] = {"cpu_s": 1e9, "wall_s": "long", "memory_mb": float("nan")}
    provenance["options"]["test_share"] = {}
    (a_release / "provenance.json").write_text(json.dumps(provenance))
    report = audited(a_release, sample=2)
    assert {(f.check, f.row_id) for f in report.findings} == {("files", "provenance.json")}
    assert len(report.findings) == 4
    for garbage in ("[]", "{", '{"a":' * 100_000):
        (a_release / "provenance.json").write_text(garbage)
        with pytest.raises(VersionError, match="cannot be read"):
            open_version(str(a_release))


def test_a_provenance_without_end_is_not_read(tmp_path):
    root = tmp_path / "data"
    root.mkdir()
    file = root / "provenance.json"
    with file.open("wb") as content:
        content.truncate(1 << 34)
    with pytest.raises(ValueError, match="larger than"):
        provenance(root)
    file.unlink()
    os.mkfifo(file)
    assert provenance(root) == {}
    file.unlink()
    file.symlink_to("/dev/zero")
    assert provenance(root) == {}
    file.unlink()
    file.mkdir()
    assert provenance(root) == {}


def test_without_a_sandbox_there_is_no_audit(a_build, monkeypatch):
    def refuse():
        raise SandboxUnavailable("nothing holds here")

    monkeypatch.setattr(hub.audit, "choose_tier", refuse)
    with pytest.raises(SandboxUnavailable):
        run_audit(a_build)


def audit_of(name: str) -> dict[str, object]:
    from hub.audit import audit
    from hub.versions import open_version

    return audit(open_version(name), workers=1).to_json()


def publish_it(folder: str) -> None:
    from pathlib import Path

    from hub.publish.upload import Target, publish

    publish(Path(folder), Target("ada/data", tag="v1"), "A version")


def test_a_dataset_on_the_hub(hub_client: Client, local_hub: LocalHub, a_release: Path):
    hub_client.run(publish_it, str(a_release))
    report = hub_client.run(audit_of, "ada/data@v1")
    assert report["holds"], report
    assert report["not_checked"] == []
    file = shard(a_release, "codeio").relative_to(a_release).as_posix()
    local_hub.commit("ada/data", {file: b"garbage", "verifier.py": b"import os\n"})
    report = hub_client.run(audit_of, "ada/data")
    assert {(f["check"], f["config"]) for f in report["findings"]} == {("files", "codeio"), ("shipped", "")}
    assert hub_client.run(audit_of, "ada/data@v1")["holds"]
