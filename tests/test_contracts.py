"""The import contracts of pyproject.toml hold, and a single forbidden import breaks each of them."""

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests import ROOT

PACKAGES = ("builders", "hub", "prompts")
REPORT = "report.txt"
LINTER = f"""
import os, sys
from importlinter.cli import lint_imports_command
for line in sys.stdin:
    pid = os.fork()
    if not pid:
        os.chdir(line.strip())
        report = os.open("{REPORT}", os.O_CREAT | os.O_WRONLY)
        os.dup2(report, 1)
        os.dup2(report, 2)
        lint_imports_command(["--no-cache", "--no-logo"])
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""
"""A process that has imported the linter, and checks each folder that it reads in a fork of itself."""
with (ROOT / "pyproject.toml").open("rb") as file:
    CONTRACTS = {
        contract["id"]: contract["name"]
        for contract in tomllib.load(file)["tool"]["importlinter"]["contracts"]
    }


Linted = Callable[[Path], tuple[int, set[str]]]


class Case(NamedTuple):
    """A contract, and an import that breaks it when it is added to a module, which may be a new one."""

    contract: str
    module: str
    added: str


UP = [
    Case("builders", "builders.verifier", "import builders.schema"),
    Case("builders", "builders.tables.folder", "from builders.running import run"),
    Case("builders", "builders.stage", "import builders.pipeline"),
    Case("builders", "builders.inference.usage", "import builders.execution"),
    Case("hub", "hub.layout", "from hub import versions"),
    Case("hub", "hub.versions", "from hub.changes import compare"),
    Case("hub", "hub.export", "from hub.audit import report"),
    Case("cli", "builders.cli.summary", "from builders.cli import console"),
    Case("cli", "builders.cli.audit", "from builders.cli import build"),
    Case("functions", "builders.functions.trials", "from builders.functions import author"),
    Case("functions", "builders.functions.wrapping", "from builders.functions import replies"),
    Case("execution", "builders.execution.job", "from builders.execution import sandbox"),
    Case("execution", "builders.execution.inside.wire", "from builders.execution import job"),
    Case("inference", "builders.inference.answers", "from builders.inference import usage"),
    Case("inference", "builders.inference.servers.server", "from builders.inference.asking import client"),
]
LATER_STAGE = [
    Case("builders", "builders.raw_code", "import builders.io_pairs"),
    Case("builders", "builders.tasks", "from builders import responses"),
    Case("builders", "builders.responses", "def late():\n    import builders.verdicts"),
]
NO_LAYER = [
    Case("builders", "builders.novel", ""),
    Case("hub", "hub.novel", ""),
    Case("cli", "builders.cli.novel", ""),
    Case("functions", "builders.functions.novel", ""),
    Case("execution", "builders.execution.novel", ""),
    Case("inference", "builders.inference.novel", ""),
]
HUB = [
    Case("hub_is_above", "builders.pipeline", "import hub.layout"),
    Case("hub_is_above", "builders.running.run", "from hub import versions"),
    Case("hub_is_above", "builders.novel", "import hub"),
]
PROMPTS = [
    Case("prompts", "prompts", "import builders.verifier"),
    Case("prompts", "prompts.novel", "from hub import layout"),
    Case("no_prompts", "builders.inference.asking.client", "import prompts"),
]
INSIDE = [
    Case("inside", "builders.execution.inside.zygote", "import builders.verifier"),
    Case("inside", "builders.execution.inside.wire", "from builders.execution import Job"),
    Case("inside", "builders.functions.inside.syntax", "from builders.functions import trials"),
    Case("inside", "builders.selection.inside.shape", "from builders.functions.inside import syntax"),
    Case("inside", "builders.sources.inside.parsing", "import prompts"),
    Case("inside", "builders.sources.inside.novel", "from hub import layout"),
    Case("inside", "builders.tables.inside.novel", "from builders.tables import folder"),
]
FOREIGN = [
    Case("standard_library", "builders.execution.inside.worker", "def call():\n    import numpy"),
    Case("standard_library", "builders.sources.inside.novel", "import rich.table"),
    Case("standard_library", "builders.verifier", "import jsonschema"),
    Case("standard_library", "builders.grading", "from pyarrow import compute"),
    Case("standard_library", "builders.execution.proof", "import unheard_of"),
    Case("standard_library", "hub.rewards", "from builders.tables import folder"),
    Case("standard_library", "hub", "import httpx"),
]
CIRCLES = [
    Case("circles", "builders.inference.servers.identity", "from builders.inference.servers import weights"),
    Case("circles", "hub.audit.report", "from hub.audit import case, turns"),
]
CASES = [*UP, *LATER_STAGE, *NO_LAYER, *HUB, *PROMPTS, *INSIDE, *FOREIGN, *CIRCLES]


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """Return a copy of the packages and their contracts, for tests to break."""
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("corpus", "*.md", "*.pyc")
        )
    (tmp_path / "tests").mkdir()
    for name in ("pyproject.toml", "tests/__init__.py", "tests/contracts.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


@pytest.fixture(scope="module")
def linted() -> Iterator[Linted]:
    """Yield a function that returns the exit code of lint-imports, and the contracts it reports as broken."""
    with subprocess.Popen(
        [sys.executable, "-c", LINTER],
        env={**os.environ, "COLUMNS": "500"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        requests, replies = process.stdin, process.stdout
        assert requests
        assert replies

        def linted(sources: Path) -> tuple[int, set[str]]:
            print(sources, file=requests, flush=True)
            exit_code = int(replies.readline())
            report = (sources / REPORT).read_text()
            assert "Contracts: " in report, report
            return exit_code, {key for key, name in CONTRACTS.items() if f"{name} BROKEN" in report}

        yield linted


def add(sources: Path, module: str, code: str) -> None:
    """Append code to a module or to the `__init__` of a package; create it if it does not exist."""
    place = sources.joinpath(*module.split("."))
    file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    file.parent.mkdir(exist_ok=True)
    (file.parent / "__init__.py").touch()
    with file.open("a") as stream:
        stream.write(f"\n{code}\n")


def test_the_contracts_hold(sources: Path, linted: Linted) -> None:
    assert linted(sources) == (0, set())


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.contract}-{case.module}")
def test_a_forbidden_import_breaks_its_contract(sources: Path, linted: Linted, case: Case) -> None:
    add(sources, case.module, case.added)
    exit_code, broken = linted(sources)
    assert exit_code == 1
    assert case.contract in broken


def test_every_contract_has_a_case_that_breaks_it() -> None:
    assert {case.contract for case in CASES} == set(CONTRACTS)


def test_no_import_is_exempt() -> None:
    assert "ignore_imports" not in (ROOT / "pyproject.toml").read_text()
