"""The examples in docstrings and in the README run, and print what they show."""

import ast
import doctest
import importlib
import re
from pathlib import Path

import pytest

from tests import ROOT
from tests.test_mirror import PACKAGES

WITH_EXAMPLES = sorted(
    path
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
    if "corpus" not in path.parts and ">>>" in path.read_text(encoding="utf-8")
)
BLOCKS = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S)
NEEDS_DEMO = "out/demo"
"""The folder that `make demo` writes; tests/stories/test_published.py runs the blocks that read it."""


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_docstrings_print_what_they_say(path: Path) -> None:
    parts = path.relative_to(ROOT).with_suffix("").parts
    module = importlib.import_module(".".join(part for part in parts if part != "__init__"))
    result = doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert result.attempted
    assert not result.failed, "see the report of doctest above"


@pytest.mark.parametrize("block", [block for block in BLOCKS if NEEDS_DEMO not in block])
def test_the_readme_prints_what_it_says(block: str, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(ast.parse(block), "README.md", "exec"), {})
    shown = re.findall(r"^print\(.*\)  # (.*)$", block, re.M)
    assert shown
    assert capsys.readouterr().out.splitlines() == shown
