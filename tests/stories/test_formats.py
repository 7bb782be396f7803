"""Data of a different codeio, in every command: one sentence, exit code 1, and nothing is written."""

import json
from pathlib import Path

import pytest

from builders.running.provenance import provenance
from builders.running.run import Run
from builders.tables.folder import Folder
from hub.changes.compare import changes
from hub.versions import open_version
from tests.auditing import OPTIONS
from tests.building import parquet_bytes, read_rows, run_codeio
from tests.doubles.chat_server import ChatServer
from tests.doubles.local_hub import Client, LocalHub
from tests.publishing import call_codeio

REPO = "ada/data"
NOWHERE = "http://127.0.0.1:9"
"""The address of a server that is never asked, because the build ends first."""


def set_numbers(root: Path, **numbers: str | None) -> Path:
    """Set the numbers of a build or a published folder, remove those that are None, and return the folder."""
    run_json, published = root / ".codeio" / "run.json", root / "provenance.json"
    file = run_json if run_json.exists() else published
    facts = {**json.loads(file.read_text()), **numbers}
    if file == published:
        facts["made_with"] = [{**build, "codeio": "0.9.3"} for build in facts["made_with"]]
    else:
        Run(root).log("build", codeio="0.9.3")
    file.write_text(json.dumps({name: value for name, value in facts.items() if value is not None}))
    return root


def file_contents(folder: Path) -> dict[str, bytes]:
    """Return the bytes of each file by its path."""
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def is_one_sentence(errors: str, *words: str) -> bool:
    """Return whether the command printed a single sentence as its error; check that it has these words."""
    text = " ".join(errors.removeprefix("codeio: ").split())
    assert all(word in text for word in words), errors
    assert errors.startswith("codeio: "), errors
    return errors.count("\n") == 1 and text.count(". ") == 0 and text.endswith(".")


def same_build(to_audit: tuple[Path, Path], out: Path, address: str) -> tuple[object, ...]:
    """Return the command that made the build, with another output folder."""
    source = to_audit[0].parent / "source"
    return ("build", source, "--out", out, "--from", "functions", "--base-url", address, *OPTIONS)


COMMANDS = {
    "audit": ("audit", "OTHER"),
    "changes, the old side": ("changes", "OTHER", "OURS", "--rows", "NEW"),
    "changes, the new side": ("changes", "OURS", "OTHER", "--rows", "NEW"),
    "export": ("export", "OTHER", "trl", "--out", "NEW"),
    "publish": ("publish", "OTHER", REPO),
    "publish, dry run": ("publish", "OTHER", REPO, "--dry-run"),
    "build from functions": ("build", "OTHER", "--from", "functions", "--out", "NEW", "--until", "io_pairs"),
    "build from turns": ("build", "OTHER", "--from", "turns", "--out", "NEW"),
}


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("kind", ["a_build", "a_release"])
def test_another_format_gives_one_sentence(name, kind, request, monkeypatch, capsys, tmp_path, to_audit):
    other = set_numbers(request.getfixturevalue(kind), format="0.9")
    paths = {"OTHER": other, "OURS": to_audit[0], "NEW": tmp_path / "new"}
    before = file_contents(tmp_path)
    assert run_codeio(monkeypatch, *(paths.get(word, word) for word in COMMANDS[name])) == 1
    printed = capsys.readouterr()
    assert is_one_sentence(printed.err, str(other), "format 0.9", "0.9.3) ", "`--from functions`")
    assert printed.out == ""
    assert file_contents(tmp_path) == before
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("words", [("status", "OUT"), "the same build"])
def test_another_format_in_the_folder_of_a_run(words, monkeypatch, capsys, tmp_path, to_audit, a_build):
    set_numbers(a_build, format="0.9")
    before = file_contents(tmp_path)
    if words == "the same build":
        words = same_build(to_audit, a_build, NOWHERE)
    assert run_codeio(monkeypatch, *(a_build if word == "OUT" else word for word in words)) == 1
    assert is_one_sentence(
        capsys.readouterr().err, str(a_build), "format 0.9", "0.9.3) ", "`--from functions`"
    )
    assert file_contents(tmp_path) == before


def test_a_file_of_functions_of_another_format_can_be_used(monkeypatch, tmp_path, a_build):
    set_numbers(a_build, format="0.9")
    (file,) = (a_build / "functions").glob("*.parquet")
    options = ("--from", "functions", "--until", "io_pairs", "--out", tmp_path / "new")
    assert run_codeio(monkeypatch, "build", file, *options) == 0
    assert len(read_rows(tmp_path / "new", "io_pairs")) > 0


NEED_SAME_RULES = {
    "publish": ("publish", "OTHER", REPO),
    "build from turns": ("build", "OTHER", "--from", "turns", "--out", "NEW"),
    "the same build": None,
}


@pytest.mark.parametrize("name", NEED_SAME_RULES)
def test_other_rules_give_one_sentence_if_verdicts_are_used(
    name, monkeypatch, capsys, tmp_path, to_audit, a_build
):
    set_numbers(a_build, rules="0.9")
    paths = {"OTHER": a_build, "NEW": tmp_path / "new"}
    before = file_contents(tmp_path)
    words = NEED_SAME_RULES[name] or same_build(to_audit, a_build, NOWHERE)
    assert run_codeio(monkeypatch, *(paths.get(word, word) for word in words)) == 1
    printed = capsys.readouterr()
    assert is_one_sentence(printed.err, str(a_build), "rules 0.9", "0.9.3) ", "functions, io_pairs or tasks")
    assert file_contents(tmp_path) == before


@pytest.mark.parametrize("table", ["functions", "io_pairs"])
def test_tables_without_verdicts_are_used_whatever_the_rules(table, monkeypatch, tmp_path, a_build):
    set_numbers(a_build, rules="0.9")
    options = ("--from", table, "--until", "tasks", "--out", tmp_path / "new", "--max-pairs", 2)
    assert run_codeio(monkeypatch, "build", a_build, *options) == 0
    new, old = (Folder(folder).column("tasks", "task_id") for folder in (tmp_path / "new", a_build))
    assert sorted(new) == sorted(old)


def test_versions_of_other_rules_are_compared_and_exported(monkeypatch, capsys, tmp_path, to_audit, a_build):
    set_numbers(a_build, rules="0.9")
    assert run_codeio(monkeypatch, "changes", to_audit[0], a_build, "--json") == 0
    differences = json.loads(capsys.readouterr().out)["made_differently"]
    assert {"what": "rules", "old": "0.1", "new": "0.9"} in differences
    assert run_codeio(monkeypatch, "export", a_build, "trl", "--out", tmp_path / "new") == 0


def test_data_without_numbers_still_works(
    monkeypatch, tmp_path, to_audit, a_build, a_release, audited, server: ChatServer
):
    for folder in (a_build, a_release):
        set_numbers(folder, format=None, rules=None)
        assert audited(folder).holds
        found = changes(open_version(str(to_audit[0])), open_version(str(folder)))
        assert [difference.what for difference in found.made_differently] == ["made_with.codeio"]
    assert run_codeio(monkeypatch, "build", a_release, "--from", "turns", "--out", tmp_path / "new") == 0
    before = parquet_bytes(a_build)
    assert run_codeio(monkeypatch, *same_build(to_audit, a_build, server.address)) == 0
    assert parquet_bytes(a_build) == before
    assert Run(a_build).numbers() == {"format": "0.1", "rules": "0.1"}


def upload(folder: str) -> None:
    from pathlib import Path

    from hub.publish.upload import Target, publish

    publish(Path(folder), Target("ada/data", tag="v1"), "A version")


HUB = {
    "audit": ("audit", f"{REPO}@v1"),
    "changes, the old side": ("changes", REPO, "OURS"),
    "changes, the new side": ("changes", "OURS", REPO),
    "export": ("export", REPO, "verl", "--out", "NEW"),
    "build from io_pairs": ("build", REPO, "--from", "io_pairs", "--until", "tasks", "--out", "NEW"),
    "publish, the next version": ("publish", "OURS", REPO, "--tag", "v2"),
}


def test_another_format_on_the_hub(tmp_path, a_release, a_build, hub_client: Client, local_hub: LocalHub):
    hub_client.run(upload, str(set_numbers(a_release, format="0.9")))
    published, before = local_hub.files(REPO), file_contents(a_build)
    for name, words in HUB.items():
        paths = {"OURS": str(a_build), "NEW": str(tmp_path / "new")}
        code, printed, errors = hub_client.run(call_codeio, *(paths.get(word, word) for word in words))
        assert code == 1, (name, errors)
        assert is_one_sentence(errors, REPO, "format 0.9", "0.9.3) ", "`--from functions`"), name
        assert printed == ""
        assert not (tmp_path / "new").exists()
    assert local_hub.files(REPO) == published
    assert file_contents(a_build) == before


def test_a_published_version_states_its_numbers(tmp_path, a_build, hub_client: Client, local_hub: LocalHub):
    code, _, errors = hub_client.run(call_codeio, "publish", str(a_build), REPO)
    assert code == 0, errors
    facts = json.loads(local_hub.files(REPO)["provenance.json"])
    assert (facts["format"], facts["rules"]) == ("0.1", "0.1")
    assert provenance(a_build)["format"] == "0.1"
