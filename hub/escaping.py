"""Escaping of text from strangers, so that a terminal or Markdown only shows it.

Not covered: HTML (`html.escape`), and texts that are data, such as feedback or a fault's detail.
"""

import html
import re
from typing import Any


def printable(text: str, most_chars: int) -> str:
    """Return a text on one line, cut to `most_chars`, with control characters as escapes."""
    cut = text if len(text) <= most_chars else text[: most_chars - 1] + "…"
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in cut)


def markdown_line(text: Any) -> str:
    """Return a text for the middle of a line of Markdown, or for a cell of a table."""
    line = html.escape(_line(text), quote=False)
    return re.sub(r"([\\`*_{}\[\]|~$])", r"\\\1", line)


def markdown_code(value: Any) -> str:
    """Return a value as inline code, between more backticks than any run inside it has."""
    line = _line(value)
    fence = "`" * (1 + _longest_run(line))
    return f"{fence} {line} {fence}" if "`" in line else f"{fence}{line}{fence}"


def markdown_block(text: str) -> str:
    """Return a text of several lines as a fenced block."""
    fence = "`" * max(3, 1 + _longest_run(text))
    return f"{fence}text\n{text}\n{fence}"


def _line(value: Any) -> str:
    return " ".join(str(value).split())


def _longest_run(text: str) -> int:
    """Return the length of the longest run of backticks."""
    return max(map(len, re.findall("`+", text)), default=0)
