"""Text from strangers that a terminal or Markdown could take for more than text."""

import pytest

from hub.escaping import markdown_block, markdown_code, markdown_line, printable


def test_control_characters_are_shown_as_escapes() -> None:
    assert printable("a\x1b[31m\u202e\r\nb", 100) == "a\\x1b[31m\\u202e\\r\\nb"
    assert printable("ä 字 → 😀", 100) == "ä 字 → 😀"


def test_a_long_text_is_cut() -> None:
    assert printable("x" * 10, 10) == "x" * 10
    assert printable("x" * 11, 10) == "x" * 9 + "…"


def test_a_line_of_markdown_holds_no_markup() -> None:
    assert markdown_line("<b>|\n# *x* [y](z) `c` &") == "&lt;b&gt;\\| # \\*x\\* \\[y\\](z) \\`c\\` &amp;"
    assert markdown_line(0.02) == "0.02"


@pytest.mark.parametrize(
    ("value", "code"), [("a|b", "`a|b`"), ("a\n b", "`a b`"), ("a``b`", "``` a``b` ```"), (7, "`7`")]
)
def test_backticks_in_a_value_do_not_end_inline_code(value: object, code: str) -> None:
    assert markdown_code(value) == code


def test_backticks_in_a_text_do_not_end_a_block() -> None:
    assert markdown_block("a") == "```text\na\n```"
    assert markdown_block("````\na") == "`````text\n````\na\n`````"
