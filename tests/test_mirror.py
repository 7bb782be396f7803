"""Every module has a test file at the same path in `tests/`, or its docstring says where it is tested."""

import ast
import re
from pathlib import Path

import pytest

from tests import ROOT

PACKAGES = ("builders", "hub", "prompts")
MODULES = sorted(
    path.relative_to(ROOT)
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
    if path.name not in ("__init__.py", "__main__.py") and "corpus" not in path.parts
)


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_every_module_is_tested_somewhere(module: Path) -> None:
    mirrored = ROOT / "tests" / module.parent / f"test_{module.name}"
    docstring = ast.get_docstring(ast.parse((ROOT / module).read_text())) or ""
    named = re.search(r"^Tested in (tests/\S+\.py)\.$", docstring, re.MULTILINE)
    advice = f"write {mirrored.relative_to(ROOT)}, or end the docstring with 'Tested in ….'"
    assert mirrored.exists() or named, advice
    assert named is None or (ROOT / named[1]).exists(), f"{module} names {named[1]}, which does not exist"
