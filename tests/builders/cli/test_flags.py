"""Command-line flags are made from any options."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pytest
import typer
from typer.testing import CliRunner

from builders.cli.flags import given, with_flags
from builders.options import declared
from builders.options.option import option


@dataclass(frozen=True, kw_only=True)
class Trial:
    section: ClassVar[str] = "trial"
    rounds: int = option(3, "Rounds.", min=1, max=9)
    share: float | None = option(None, "Share.")
    names: tuple[str, ...] = option((), "Names.", flag="--name")
    strict: bool = option(True, "Strict.")
    text: str | None = option(None, "File with a text.", metavar="FILE", from_file=True)
    extra: dict[str, Any] | None = option(None, "More.", metavar="JSON")
    folder: Path | None = option(None, "Folder.", envvar="TRIAL_FOLDER")


OPTIONS = [*declared(Trial).values()]


@pytest.fixture
def parse():
    """A function that returns the values a command gets from arguments, or its usage error."""

    def parse(*arguments):
        app, values_given = typer.Typer(), {}

        @app.command()
        @with_flags(OPTIONS)
        def trial(
            context: typer.Context,
            place: str,
            *,
            own: Annotated[bool, typer.Option("--own")] = False,
            **values,
        ) -> None:
            values_given.update(given(context, OPTIONS, values), place=place, own=own)

        result = CliRunner().invoke(app, ["here", *map(str, arguments)])
        return values_given if result.exit_code == 0 else (result.exit_code, " ".join(result.output.split()))

    return parse


def test_without_flags_nothing_is_given(parse):
    assert parse() == {"place": "here", "own": False}


def test_flags_are_given_even_where_they_say_the_default(parse):
    assert parse("--rounds", 3, "--strict", "--own") == {
        "place": "here",
        "own": True,
        "rounds": 3,
        "strict": True,
    }


def test_values_have_the_types_of_their_options(parse, tmp_path, monkeypatch):
    (tmp_path / "text").write_text("a\nb")
    monkeypatch.setenv("TRIAL_FOLDER", "over/there")
    flags = ("--share", 1, "--name", "a", "--name", "b", "--no-strict", "--extra", '{"a": [1]}')
    values = parse(*flags, "--text", tmp_path / "text")
    assert values == {
        "place": "here",
        "own": False,
        "share": 1.0,
        "names": ["a", "b"],
        "strict": False,
        "text": "a\nb",
        "extra": {"a": [1]},
        "folder": Path("over/there"),
    }


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--rounds", 0), "--rounds"),
        (("--rounds", 10), "--rounds"),
        (("--rounds", "x"), "--rounds"),
        (("--extra", "[1]"), "--extra: give a JSON object"),
        (("--extra", "{"), "--extra: give a JSON object"),
        (("--text", "no-such-file"), "--text: no-such-file cannot be read"),
    ],
)
def test_wrong_values_are_usage_errors(parse, flags, words):
    code, output = parse(*flags)
    assert code == 2
    assert words in output
