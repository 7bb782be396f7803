"""Numbers of format and rules: which data is accepted, and the messages for all other data."""

import re

import pytest

from builders import formats
from builders.formats import (
    FORMAT,
    NUMBERS,
    RULES,
    UNSTATED,
    FormatMismatch,
    check_format,
    check_rules,
    rules_mismatch,
    stated_numbers,
)
from tests import ROOT

MADE_WITH = [{"codeio": "0.9.3", "python": "3.14"}, {"codeio": "unknown"}, {"codeio": "0.9.2"}]


@pytest.fixture
def counted_up(monkeypatch):
    """Let this codeio be one number ahead in both format and rules."""
    for kind, name in (("format", "FORMAT"), ("rules", "RULES")):
        monkeypatch.setattr(formats, name, "0.2")
        monkeypatch.setitem(NUMBERS, kind, "0.2")


@pytest.mark.parametrize(
    "facts", [{}, NUMBERS, {"source": "made before there were numbers"}, {"format": None}]
)
def test_data_of_this_codeio_and_data_without_numbers_are_read(facts):
    check_format("data", facts)
    check_rules("data", facts)


@pytest.mark.usefixtures("counted_up")
def test_data_without_numbers_stays_what_it_was_when_they_count_up():
    older = {"source": "made before there were numbers"}
    assert stated_numbers(older) == UNSTATED == {"format": "0.1", "rules": "0.1"}
    with pytest.raises(FormatMismatch, match=r"of format 0\.1, and this codeio has format 0\.2"):
        check_format("data", older)
    with pytest.raises(FormatMismatch, match=r"by rules 0\.1, and this codeio has rules 0\.2"):
        check_rules("data", older)


@pytest.mark.usefixtures("counted_up")
def test_nothing_told_is_no_older_number():
    check_format("a folder of tables that somebody laid out", {})
    check_rules("a folder of tables that somebody laid out", {})


def test_one_sentence_names_the_codeio_and_what_from_can_take():
    facts = {"format": "0.9", "rules": "0.8", "made_with": MADE_WITH}
    with pytest.raises(FormatMismatch) as error:
        check_format("ada/data@abc", facts)
    assert str(error.value) == (
        f"ada/data@abc is data of format 0.9, and this codeio has format {FORMAT}: the codeio that made it"
        " (0.9.2, 0.9.3) reads it; here, only a file of its functions can be used, with `--from functions`."
    )
    assert rules_mismatch("ada/data@abc", facts) == (
        f"The answers of ada/data@abc were judged by rules 0.8, and this codeio has rules {RULES}: the codeio"
        " that made it (0.9.2, 0.9.3) has those; here, `--from` can use its functions, io_pairs or tasks."
    )


@pytest.mark.parametrize(
    "number", ["\x1b[31m0.1", "[red]", "1" * 5000, 0.1, 1, ["0.1"], {"0": "1"}, True, "0.1\n"]
)
@pytest.mark.parametrize(
    "made_with", ["0.9", 7, [[]], [{"codeio": ["x"]}, {"codeio": "\x1b0"}, {"codeio": "9" * 50}]]
)
def test_what_strangers_wrote_there_is_a_number_or_not_shown(number, made_with):
    with pytest.raises(FormatMismatch) as error:
        check_format("data", {"format": number, "made_with": made_with})
    assert "is data of format unknown," in str(error.value)
    assert "the codeio that made it reads it" in str(error.value)


def test_the_changelog_names_the_numbers_of_this_version():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.split(r"^## ", text, flags=re.MULTILINE)[1]
    assert f"Format {FORMAT}, rules {RULES}. Ids moved:" in newest, (
        "the newest part of CHANGELOG.md does not say which format and rules these are, and what ids move"
    )
