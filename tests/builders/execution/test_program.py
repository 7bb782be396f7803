"""The project's modules that run inside the sandbox: their program text, and the digest of what they do."""

import sys
from types import ModuleType

import pytest

from builders.execution.program import digest, program

FIRST = '''"""What it is for."""

LIMIT = 3  # of anything


def doubled(n):
    """Twice as much."""
    return 2 * n
'''
SECOND = """import first

def f(n):
    return first.doubled(n) + first.LIMIT
"""


def write_module(folder, name, text):
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(text)
    module = ModuleType(name)
    module.__file__ = str(folder / f"{name}.py")
    return module


@pytest.fixture
def modules(tmp_path):
    """A function that makes both modules from their texts."""
    folders = iter(range(100))

    def make(first=FIRST, second=SECOND):
        folder = tmp_path / str(next(folders))
        return write_module(folder, "first", first), write_module(folder, "second", second)

    return make


def test_a_program_is_its_last_module_which_knows_the_others(modules, monkeypatch):
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    namespace = {}
    exec(program(*modules()), namespace)
    assert namespace["f"](4) == 11


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# of anything", "# of everything"),
        ("What it is for.", "Another purpose."),
        ("Twice as much.", "Double, and more words."),
        ('    """Twice as much."""\n', ""),
        ("LIMIT = 3", "LIMIT   =   3"),
    ],
)
def test_words_do_not_move_a_digest(modules, old, new):
    assert old in FIRST
    assert digest(*modules()) == digest(*modules(FIRST.replace(old, new)))
    assert digest(*modules()) == digest(*modules(second=f"# more words\n{SECOND}"))


@pytest.mark.parametrize(
    ("old", "new"), [("LIMIT = 3", "LIMIT = 4"), ("2 * n", "n * 2"), ("doubled", "twice")]
)
def test_code_moves_it_in_whichever_module_it_stands(modules, old, new):
    first, second = modules()
    changed, same = modules(FIRST.replace(old, new))
    assert len({digest(first, second), digest(changed, same), digest(first), digest(second, first)}) == 4
    assert digest(same, changed) != digest(second, first)
    assert digest(same) == digest(second)
