"""Identities of stages depend on what codeio's own code does, and not on its comments and docstrings."""

import ast
from pathlib import Path
from types import ModuleType

import pytest

from builders import verdicts, verifier
from builders.execution import Limits, Prover, Sandbox
from builders.functions import reading
from builders.functions.stage import Functions
from builders.inference import Client, RequestCache, connect
from builders.options import FunctionsOptions
from builders.selection import splits
from builders.selection.inside import shape
from builders.selection.splits import Clusters
from builders.verdicts import Verdicts
from tests.building import scripted_server

PROGRAMS = {
    "functions": reading.MODULES,
    "clusters": (shape,),
    "verdicts": (verifier,),
}
"""For each stage the modules that decide its rows: they run in the sandbox, or judge answers."""
STAGE_MODULES = [(stage, module) for stage, modules in PROGRAMS.items() for module in modules]


@pytest.fixture(scope="module")
def stages(tmp_path_factory):
    """Yield the stages as a build makes them."""
    with scripted_server() as server, Sandbox(Limits()) as sandbox, Prover(Limits()) as prover:
        cache = RequestCache(tmp_path_factory.mktemp("cache") / "requests.sqlite")
        client = Client(connect(server.address), cache)
        yield {
            "functions": Functions(FunctionsOptions(), client, sandbox),
            "clusters": Clusters(sandbox),
            "verdicts": Verdicts(Limits(), prover),
        }
        client.close()


@pytest.fixture
def identity(stages, tmp_path, monkeypatch):
    """Return a function that gives a stage's identity, with a copy in place of one of its modules."""

    def identity(stage, module=None, text=None):
        copy = module and ModuleType(module.__name__)
        if copy:
            copy.__file__ = str(tmp_path / "copy.py")
            Path(copy.__file__).write_text(text, encoding="utf-8")
        with monkeypatch.context() as patch:
            patch.setattr(reading, "MODULES", tuple(copy if m is module else m for m in reading.MODULES))
            patch.setattr(splits, "shape", copy if shape is module else shape)
            patch.setattr(verdicts, "verifier", copy if verifier is module else verifier)
            return stages[stage].identity()

    return identity


@pytest.mark.parametrize(
    ("stage", "module"), STAGE_MODULES, ids=lambda value: getattr(value, "__name__", value)
)
def test_words_leave_an_identity_and_constants_move_it(identity, stage, module):
    text = Path(module.__file__).read_text(encoding="utf-8")
    original = identity(stage)
    assert identity(stage, module, text) == original
    assert identity(stage, module, f"# more words\n{text}# and more\n") == original
    assert identity(stage, module, with_other_docstrings(text)) == original
    assert identity(stage, module, with_another_constant(text)) != original


def with_other_docstrings(text):
    described = (ast.Module, ast.ClassDef, ast.FunctionDef)
    docstrings = {
        ast.get_docstring(node, clean=False)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, described)
    }
    for docstring in filter(None, docstrings):
        text = text.replace(f'"""{docstring}"""', f'"""{docstring} And so on."""')
    assert "And so on." in text
    return text


def with_another_constant(text):
    """Return the text with its first number changed; if it has none, the first item of a list."""
    nodes = list(ast.walk(ast.parse(text)))
    numbers = [node for node in nodes if isinstance(node, ast.Constant) and type(node.value) is int]
    items = [node.elts[0] for node in nodes if isinstance(node, ast.List) and node.elts]
    constant = (*numbers, *items)[0]
    lines = text.splitlines(keepends=True)
    line = lines[constant.lineno - 1].encode()
    lines[constant.lineno - 1] = (
        line[: constant.col_offset] + b"7" + line[constant.end_col_offset :]
    ).decode()
    return "".join(lines)
