"""The notebooks run by nbmake on real builds and the local Hub, and their files are valid."""

import json
import re
import shlex
import shutil
import tomllib
from html import unescape
from pathlib import Path

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager
from packaging.requirements import Requirement
from typer.main import get_command

from builders.cli.main import app
from builders.options import START_TABLES
from builders.pipeline import first_step
from builders.raw_code import corpus
from builders.tables.counts import folder_counts
from builders.tables.folder import Folder
from hub.audit import audit
from hub.versions import open_version
from tests import ROOT
from tests.auditing import change_rows
from tests.builders.functions.test_stage import Model
from tests.building import scripted_server, write_functions_file
from tests.doubles.local_hub import LocalHub
from tests.notebooks.kernels import NOTEBOOKS, NotebookRun, cell, read, run_notebook

NAMES = ("rebuild", "audit", "explore")
PNG = "image/png"


@pytest.fixture
def environment(tmp_path):
    """The environment of a kernel that talks only to a local Hub."""
    with LocalHub(tmp_path / "hub") as hub:
        yield hub.environment(tmp_path / "home", token=None)


def code_cells(name):
    return [each for each in read(name).cells if each.cell_type == "code"]


def visible(run: NotebookRun) -> str:
    return json.dumps([each.get("outputs", []) for each in run.notebook.cells])


def rows_on_card(folder: Path) -> dict[str, int]:
    """Return the number of rows of each stage that the card states."""
    text = (folder / "README.md").read_text().partition("<!-- counted: funnel -->")[2]
    lines = re.findall(r"^\| (\w+) \| ([\d,]+) \|", text.partition("<!-- /counted -->")[0], re.MULTILINE)
    return {stage: int(n.replace(",", "")) for stage, n in lines}


def test_there_are_no_others():
    assert {path.stem for path in NOTEBOOKS.iterdir() if path.suffix == ".ipynb"} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_files_are_valid_and_hold_no_outputs(name):
    notebook = read(name)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    nbformat.validate(notebook)
    for each in code_cells(name):
        assert (each.outputs, each.execution_count) == ([], None)
    ids = [each.id for each in notebook.cells]
    assert all(re.fullmatch("[a-z-]+", cell_id) for cell_id in ids)
    assert [each.id for each in notebook.cells if "parameters" in each.metadata.get("tags", ())] == [
        "parameters"
    ]
    assert ids[:4] == ["title", "setup", "install", "parameters"]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_installed_exists_and_only_where_it_is_missing(name, monkeypatch):
    magics = []

    class Shell:
        def run_line_magic(self, *words):
            magics.append(words)

    source = TransformerManager().transform_cell(cell(read(name), "install").source)
    exec(source, {"get_ipython": Shell})
    assert magics == []
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    exec(source, {"get_ipython": Shell})
    ((magic, words),) = magics
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    install, *_, requirement = shlex.split(words)
    required = Requirement(requirement)
    assert (magic, install, required.name) == ("pip", "install", project["name"])
    assert required.extras <= set(project["optional-dependencies"])


def test_what_rebuild_is_given_is_understood():
    names = {}
    exec(cell(read("rebuild"), "parameters").source, names)
    assert names["CODE"].is_file()
    command = get_command(app).commands["build"]
    words = (str(names["CODE"]), "--out", names["OUT"], *shlex.split(names["MODEL"]))
    for options in (names["OPTIONS"], names["AGAIN"]):
        command.make_context("build", [*words, *shlex.split(options)])
    stages = re.findall(
        r"^\| (?:`(\w+)`|.*?) \| `(\w+)`", cell(read("rebuild"), "again-text").source, re.MULTILINE
    )
    assert {table or None: stage for table, stage in stages} == {
        table: first_step(table).name for table in (None, *START_TABLES)
    }


class Answering(Model):
    """A model that writes recorded functions and gives right outputs, but wrong inputs."""

    def replay(self, body):
        question = body["messages"][1]["content"] if len(body["messages"]) > 1 else ""
        if "Your task" not in question:
            return super().replay(body)
        if "find what" not in question:
            return 'It could be {"input": {}}', "stop"
        names = {}
        exec(re.search(r"```python\n(.*?)```", question, re.DOTALL)[1], names)
        arguments = json.loads(question.rstrip().rsplit("\n", 1)[1])
        return f"I follow it. {json.dumps({'output': names['main_solution'](**arguments)})}", "stop"


@pytest.mark.timeout(1800)
def test_rebuild_makes_a_dataset_of_code_and_sends_nothing(tmp_path, environment):
    (tmp_path / "code").mkdir()
    shutil.copy(corpus() / "everyday" / "merge_bookings.py", tmp_path / "code")  # has recorded replies
    (tmp_path / "code" / "double.py").write_text("def double(n):\n    return 2 * n\n")
    with Answering() as server:
        model = f"--base-url {server.address}"
        run = run_notebook("rebuild", tmp_path, environment, CODE="code", MODEL=model)
    assert run.code == 0, run.log + visible(run)
    out = tmp_path / "out" / "rebuilt"
    counts = Folder(out).counts()
    assert counts["raw_code"] == {"train": 2}
    assert counts["functions"] == {"train": 1}
    assert sum(counts["codeio_pp"].values()) == sum(counts["tasks"].values()) > 0
    statuses = folder_counts(Folder(out))["statuses"]
    assert set(statuses["output"]["0"]) == {"correct"}
    assert "correct" not in statuses["input"]["0"]
    assert "\x1b" not in visible(run)
    assert run.text("build").count("\n") < 200
    assert [len(run.shown(PNG, cell_id)) for cell_id in ("funnel", "statuses")] == [1, 1]
    assert len(run.shown("text/html", "tables")) == len(counts)
    assert 1 <= len(run.shown("text/html", "answers")) <= 2
    again = Folder(out.with_name("rebuilt-again")).counts()
    assert sum(again["io_pairs"].values()) > sum(counts["io_pairs"].values())
    assert "new pair" in run.text("again")
    assert "Nothing was sent" in run.text("publish")
    assert run.outputs("install") == run.outputs("login") == []


@pytest.mark.timeout(1800)
def test_what_rebuild_publishes_is_audited_and_explored(tmp_path, local_hub: LocalHub):
    home = tmp_path / "home"
    home.mkdir()
    (home / "token").write_text("hf_ada")  # as `hf auth login` writes it
    environment = local_hub.environment(home, token=None)
    write_functions_file(tmp_path)
    parameters = {
        "CODE": "functions.jsonl",
        "OPTIONS": "--from functions --samples 4 --max-pairs 2 --test-share 0",
        "AGAIN": "--from io_pairs --until tasks",  # runs no code
    }
    with scripted_server() as server:
        model = f"--base-url {server.address}"
        run = run_notebook(
            "rebuild", tmp_path, environment, MODEL=model, REPO="ada/data", DRY_RUN=False, **parameters
        )
    assert run.code == 0, run.log
    assert "hf_ada" not in visible(run)
    assert "commit/" in run.text("publish")
    assert "rlvr/train-00000-of-00001.parquet" in local_hub.files("ada/data", "v1.0.0")

    run = run_notebook("audit", tmp_path, environment, DATASET="ada/data@v1.0.0", SAMPLE=10)
    assert run.code == 0, run.log
    assert "10 of 48" in run.text("audit")
    assert "Everything that was checked holds." in run.text("audit")

    run = run_notebook("explore", tmp_path, environment, DATASET="ada/data@v1.0.0", SHOWN=3)
    assert run.code == 0, run.log
    assert len(run.shown(PNG)) == 5
    assert len(run.shown("text/html", "rows")) == 3


@pytest.mark.timeout(1800)
def test_explore_shows_the_figures_of_the_card(tmp_path, a_release, environment):
    run = run_notebook("explore", tmp_path, environment, DATASET=str(a_release), SHOWN=1, SKIPPED=1)
    assert run.code == 0, run.log
    (table,) = run.shown("text/html", "reasons")
    stages = re.findall(r"<td>(\w+)</td>\s*<td>(\d+)</td>", table)
    assert {stage: int(n) for stage, n in stages} == rows_on_card(a_release)
    assert "8 truncated" in table
    n_figures = [len(run.shown(PNG, each.id)) for each in code_cells("explore")]
    assert [n for n in n_figures if n] == [1] * 5
    (shown,) = run.shown("text/html", "rows")
    text = unescape(shown)
    assert all(words in text for words in ("What is ", "I guess.", "I add.", "code returns"))
    assert all(f"<b>{status}</b>" in shown for status in ("correct", "wrong"))
    assert "4 of 6 answers" in text


@pytest.mark.timeout(1800)
def test_explore_shows_what_there_is_of_a_part(tmp_path, a_release, environment):
    for config in set(Folder(a_release).counts()) - {"codeio_pp"}:
        shutil.rmtree(a_release / config)
    run = run_notebook("explore", tmp_path, environment, DATASET=str(a_release))
    assert run.code == 0, run.log
    assert len(run.shown(PNG)) == 5
    assert run.shown("text/html", "rows") == []


@pytest.mark.timeout(1800)
def test_audit_shows_the_row_that_was_altered_and_fails(tmp_path, a_release, environment):
    def change(rows):
        rows[0]["response"] = "I add <b>$nothing$</b>."

    change_rows(a_release, "turns", change)
    run = run_notebook("audit", tmp_path, environment, DATASET=str(a_release), SAMPLE=None)
    assert run.code == 1
    assert "findings." in run.outputs("verdict")[0]["evalue"]
    findings = audit(open_version(str(a_release)), workers=1).findings
    (listed,) = run.shown("text/html", "findings")
    assert listed.count("<tr") == len(findings) + 1
    shown = run.shown("text/html", "rows")
    assert any("I add &lt;b&gt;$nothing$&lt;/b&gt;." in html for html in shown)
    assert all("mathjax_ignore" in html for html in (listed, *shown))
    explained = cell(read("audit"), "checks").source
    checks = re.findall(r"^│ (\w+) +│ [\d,]+", run.text("audit"), re.MULTILINE)
    assert len(checks) == 9
    assert all(f"| `{check}` |" in explained for check in checks)


@pytest.mark.timeout(1800)
def test_a_build_that_fails_ends_the_notebook_there(tmp_path, environment):
    run = run_notebook(
        "rebuild", tmp_path, environment, CODE="nowhere", MODEL="--base-url http://127.0.0.1:9"
    )
    assert run.code == 1
    assert "codeio: " in run.text("build")
    assert run.outputs("build")[-1]["ename"] == "AssertionError"
    assert run.outputs("funnel") == []
