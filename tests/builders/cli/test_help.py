"""Every command says at once what it does: for its help, nothing heavy is imported."""

import ast
import re
import subprocess
import sys

import pytest
from typer.main import get_command

from builders.cli.main import app
from builders.options import Recipe, declared
from hub.export import FORMATS

HEAVY = {
    *("certifi", "datasets", "detect_secrets", "evaluate", "genson", "httpx", "huggingface_hub", "jinja2"),
    *(
        "jsonschema",
        "license_expression",
        "matplotlib",
        "numpy",
        "pandas",
        "pyarrow",
        "pycurl",
        "referencing",
    ),
    *("tenacity", "torch", "xllamacpp", "yaml"),
}
PROGRAM = """
import sys
from builders.cli.main import main
try:
    sys.argv = ["codeio", *sys.argv[1:]]
    main()
except SystemExit as end:
    assert not end.code, end.code
finally:
    print("MODULES", sorted({name.split(".")[0] for name in sys.modules}))
"""


def commands(command, words=()):
    """All commands, with those below them; a command that is added is found here too."""
    found = [words]
    for name, below in getattr(command, "commands", {}).items():
        found += commands(below, (*words, name))
    return found


COMMANDS = commands(get_command(app))


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_imports_nothing_heavy(words):
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words, "--help"], capture_output=True, text=True, check=True
    ).stdout
    shown, _, modules = found.rpartition("MODULES ")
    assert "Usage:" in shown
    assert not HEAVY & set(ast.literal_eval(modules))


def test_commands_are_found():
    assert {("build",), ("status",), ("cache", "merge")} <= set(COMMANDS)


@pytest.fixture
def shown(monkeypatch, capsys):
    """What a command's help says, in one line."""

    def words(name):
        monkeypatch.setenv("COLUMNS", "200")
        monkeypatch.setenv("TERM", "dumb")
        with pytest.raises(SystemExit):
            get_command(app)([name, "--help"], prog_name="codeio")
        return " ".join(re.sub(r"[│╭╮╰╯─]", " ", capsys.readouterr().out).split())

    return words


def test_every_option_of_a_build_stands_in_its_help(shown):
    text = shown("build")
    for option in declared(Recipe).values():
        assert option.help in text
        assert option.name == "source" or f" {option.flag} " in text


def test_common_options_stand_before_those_of_the_stages(shown):
    text = shown("build")
    common, others = text.split(" Whole build ", 1)
    for option in declared(Recipe).values():
        where = common if option.is_common or option.name == "source" else others
        assert option.help in where
    stages = ["Whole build", "Stage raw_code", "Stage responses", "Stage training_set", "Sandbox", "Servers"]
    assert sorted(stages, key=text.index) == stages


def test_formats_stand_in_the_help_of_export(shown):
    assert f"One of {', '.join(FORMATS)}." in shown("export")
