"""Data to audit: a build with files, functions and conversations, and ways to alter one thing in it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builders.running.provenance import provenance
from builders.schema import TABLES, content_id
from builders.tables.arrow import table
from builders.tables.folder import Folder
from hub.audit import Report, audit
from hub.card.card import card
from hub.publish.release import release
from hub.versions import Version, version
from tests.building import FUNCTIONS, run, scripted_server

OPTIONS = ("--max-pairs", 2, "--samples", 4, "--turns", 1, "--test-share", 0.5)
Rows = list[dict[str, Any]]


def source(folder: Path, functions: Rows = FUNCTIONS) -> Path:
    """A folder of two tables, as if a model had made the functions from files."""
    folder.mkdir()
    (folder / ".codeio").mkdir()
    files, made = [], []
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
        named = ("reference_code", "entrypoint", "input_generator", "query")
        own = content_id("function", *(function[name] for name in named))
        made.append({**function, "function_id": own, "code_id": code_id})
    Folder(folder).write("raw_code", {"train": table(files, TABLES["raw_code"].features)})
    Folder(folder).write("functions", {"train": table(made, TABLES["functions"].features)})
    return folder


def built(home: Path) -> Path:
    """A build of it by a server whose answers are known."""
    out = home / "built"
    with pytest.MonkeyPatch.context() as patch, scripted_server() as server:
        given = ("--from", "functions", "--base-url", server.address, *OPTIONS)
        assert run(patch, "build", source(home / "source"), "--out", out, *given) == 0
    return out


def released(folder: Path, home: Path) -> Path:
    """The same as it would be published, with its metadata."""
    made = release(Folder(folder)).folder.root
    root = home / "released"
    shutil.copytree(made, root, ignore=shutil.ignore_patterns(".codeio"))
    (root / "provenance.json").write_text(json.dumps(provenance(folder)))
    described(root)
    return root


@pytest.fixture(scope="session")
def to_audit(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A build, and the same as it would be published."""
    home = tmp_path_factory.mktemp("to_audit")
    folder = built(home)
    return folder, released(folder, home)


@pytest.fixture
def a_build(to_audit: tuple[Path, Path], tmp_path: Path) -> Path:
    """A copy of the build."""
    return shutil.copytree(to_audit[0], tmp_path / "build")


@pytest.fixture
def a_release(to_audit: tuple[Path, Path], tmp_path: Path) -> Path:
    """A copy of what would be published."""
    return shutil.copytree(to_audit[1], tmp_path / "release")


def described(root: Path) -> None:
    """Write README.md anew, so that it fits the files."""
    is_ours = (root / ".codeio").exists()
    (root / ".codeio").mkdir(exist_ok=True)
    Folder(root).write_readme(card(Folder(root), provenance(root), "data"))
    if not is_ours:
        (root / ".codeio").rmdir()


def altered(root: Path, config: str, change: Callable[[Rows], Rows | None], split: str = "train") -> None:
    """Change a table's rows in place, or for those that are returned; the README fits again."""
    (file,) = (root / config).glob(f"{split}-*.parquet")
    rows = pq.read_table(file).to_pylist()
    rows = change(rows) or rows
    file.unlink()
    pq.write_table(pa.Table.from_pylist(rows, TABLES[config].features.arrow_schema), file)
    described(root)


def audited(root: Path, **options: Any) -> Report:
    return audit(version(str(root)), workers=1, **options)


def quick(root: Path, **limits: Any) -> Report:
    """With other limits than the build's."""
    found = version(str(root))
    told = {**found.provenance, "limits": {**found.provenance["limits"], **limits}}
    return audit(Version(found.name, found.folder, told), workers=1)


def named(report: Report) -> set[tuple[str, str]]:
    """The checks and tables that findings are of."""
    return {(finding.check, finding.config) for finding in report.findings}
