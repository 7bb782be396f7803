"""Data to audit: a build with files, functions and conversations, and helpers that change a part of it."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builders.execution import Sandbox
from builders.running.provenance import provenance
from builders.schema import TABLES, content_id
from builders.tables.arrow import table
from builders.tables.folder import Folder
from hub.audit import Report, audit, audit_with
from hub.audit.untrusted import Unpacker
from hub.card.card import card
from hub.publish.release import prepare_release
from hub.versions import Version, open_version
from tests.building import FUNCTIONS, run_codeio, scripted_server

OPTIONS = ("--max-pairs", 2, "--samples", 4, "--turns", 1, "--test-share", 0.5)
Rows = list[dict[str, Any]]


def write_source(folder: Path, functions: Rows = FUNCTIONS) -> Path:
    """Write a folder of two tables, as if a model had made the functions from files, and return it."""
    folder.mkdir()
    (folder / ".codeio").mkdir()
    files, rows = [], []
    for number, function in enumerate(functions):
        content = f"# file {number}\n{function['reference_code']}"
        code_id = content_id("raw_code", content)
        files.append(
            {
                "code_id": code_id,
                "content": content,
                "parses": True,
                "language": "Python",
                "source": "somewhere",
                "path": f"{number}.py",
                "license": function["license"],
            }
        )
        hashed = ("reference_code", "entrypoint", "input_generator", "query")
        function_id = content_id("function", *(function[column] for column in hashed))
        rows.append({**function, "function_id": function_id, "code_id": code_id})
    Folder(folder).write("raw_code", {"train": table(files, TABLES["raw_code"].features)})
    Folder(folder).write("functions", {"train": table(rows, TABLES["functions"].features)})
    return folder


def build_data(home: Path) -> Path:
    """Build from such a folder, with answers from the scripted server, and return the output folder."""
    out = home / "built"
    with pytest.MonkeyPatch.context() as patch, scripted_server() as server:
        options = ("--from", "functions", "--base-url", server.address, *OPTIONS)
        assert run_codeio(patch, "build", write_source(home / "source"), "--out", out, *options) == 0
    return out


def build_release(folder: Path, home: Path) -> Path:
    """Write a build to a folder as it would be published, with its metadata, and return the folder."""
    release_root = prepare_release(Folder(folder)).folder.root
    root = home / "released"
    shutil.copytree(release_root, root, ignore=shutil.ignore_patterns(".codeio"))
    (root / "provenance.json").write_text(json.dumps(provenance(folder)))
    refresh_card(root)
    return root


@pytest.fixture(scope="session")
def to_audit(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a build, and the same build as it would be published."""
    home = tmp_path_factory.mktemp("to_audit")
    folder = build_data(home)
    return folder, build_release(folder, home)


@pytest.fixture
def a_build(to_audit: tuple[Path, Path], tmp_path: Path) -> Path:
    """Return a copy of the build."""
    return shutil.copytree(to_audit[0], tmp_path / "build")


@pytest.fixture
def a_release(to_audit: tuple[Path, Path], tmp_path: Path) -> Path:
    """Return a copy of what would be published."""
    return shutil.copytree(to_audit[1], tmp_path / "release")


def refresh_card(root: Path) -> None:
    """Write README.md as a build does, so that it matches the files."""
    is_build = (root / ".codeio").exists()
    (root / ".codeio").mkdir(exist_ok=True)
    Folder(root).write_readme(card(Folder(root), provenance(root), "data"))
    if not is_build:
        (root / ".codeio").rmdir()


def change_rows(root: Path, config: str, change: Callable[[Rows], Rows | None], split: str = "train") -> None:
    """Change a table's rows, in place or to those that `change` returns, and write README.md again."""
    (file,) = (root / config).glob(f"{split}-*.parquet")
    rows = pq.read_table(file).to_pylist()
    rows = change(rows) or rows
    file.unlink()
    pq.write_table(pa.Table.from_pylist(rows, TABLES[config].features.arrow_schema), file)
    refresh_card(root)


def run_audit(root: Path, **options: Any) -> Report:
    """Audit a folder with one worker, which ends with the audit, and return the report."""
    return audit(open_version(str(root)), workers=1, **options)


@pytest.fixture(scope="session")
def audited() -> Iterator[Callable[..., Report]]:
    """Yield a function like `run_audit`, whose workers and reader of files serve all audits."""
    with Sandbox() as sandbox, Unpacker() as unpacker:

        def audited(root: Path, **options: Any) -> Report:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("hub.audit.untrusted.Unpacker", lambda: nullcontext(unpacker))
                return audit_with(sandbox, open_version(str(root)), **options)

        yield audited


def audit_with_limits(root: Path, **limits: Any) -> Report:
    """Audit with some of the recorded sandbox limits changed, and return the report."""
    original = open_version(str(root))
    changed = {**original.provenance, "limits": {**original.provenance["limits"], **limits}}
    return audit(Version(original.name, original.folder, changed), workers=1)


def failed_checks(report: Report) -> set[tuple[str, str]]:
    """Return the check and the table of each finding."""
    return {(finding.check, finding.config) for finding in report.findings}
