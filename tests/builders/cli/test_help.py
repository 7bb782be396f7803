"""Every command shows its help quickly, because no heavy package is imported for it."""

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
import os, sys
from builders.cli.main import main
for line in sys.stdin.read().splitlines():
    pid = os.fork()
    if not pid:
        sys.argv = ["codeio", *line.split(), "--help"]
        try:
            main()
        finally:
            print("MODULES", sorted({name.split(".")[0] for name in sys.modules}))
    print("EXIT CODE", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""
"""Runs each command of stdin in a fork of the process, which has imported only what all of them import."""


def commands(command, words=()):
    """Return the names of all commands and their subcommands, also of those that are added later."""
    names = [words]
    for name, subcommand in getattr(command, "commands", {}).items():
        names += commands(subcommand, (*words, name))
    return names


COMMANDS = commands(get_command(app))


@pytest.fixture(scope="module")
def outputs():
    """Return the output and the exit code of each command."""
    lines = "\n".join(map(" ".join, COMMANDS))
    output = subprocess.run(
        [sys.executable, "-c", PROGRAM], input=lines, capture_output=True, text=True, check=True
    ).stdout
    return dict(zip(COMMANDS, re.findall(r"(.*?)EXIT CODE (-?\d+)\n", output, re.DOTALL), strict=True))


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_imports_nothing_heavy(outputs, words):
    output, exit_code = outputs[words]
    assert exit_code == "0", output
    help_text, _, modules = output.rpartition("MODULES ")
    assert "Usage:" in help_text
    assert not HEAVY & set(ast.literal_eval(modules))


def test_commands_are_found():
    assert {("build",), ("status",), ("cache", "merge")} <= set(COMMANDS)


@pytest.fixture
def help_of(monkeypatch, capsys):
    """A function that returns the help of a command in one line."""

    def help_of(name):
        monkeypatch.setenv("COLUMNS", "200")
        monkeypatch.setenv("TERM", "dumb")
        with pytest.raises(SystemExit):
            get_command(app)([name, "--help"], prog_name="codeio")
        return " ".join(re.sub(r"[│╭╮╰╯─]", " ", capsys.readouterr().out).split())

    return help_of


def test_every_option_of_a_build_stands_in_its_help(help_of):
    text = help_of("build")
    for option in declared(Recipe).values():
        assert option.help in text
        assert option.name == "source" or f" {option.flag} " in text


def test_common_options_stand_before_those_of_the_stages(help_of):
    text = help_of("build")
    common, others = text.split(" Whole build ", 1)
    for option in declared(Recipe).values():
        where = common if option.is_common or option.name == "source" else others
        assert option.help in where
    stages = ["Whole build", "Stage raw_code", "Stage responses", "Stage training_set", "Sandbox", "Servers"]
    assert sorted(stages, key=text.index) == stages


def test_formats_stand_in_the_help_of_export(help_of):
    assert f"One of {', '.join(FORMATS)}." in help_of("export")
