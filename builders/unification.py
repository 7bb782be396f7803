"""What a model's replies in stage 2 hold: Python code, and the description of a function.

In: replies as text. Out: code, or the sections of a description; None where a reply has not got them. Text
work only: the code is read by its syntax tree elsewhere, in the sandbox (`inspection`).
"""

import re
from dataclasses import dataclass

_BLOCK = re.compile(r"^[ \t]*```[ \t]*(\w*)[^\n]*\n(.*?)^[ \t]*```", re.DOTALL | re.MULTILINE)
_OPEN_BLOCK = re.compile(r"^[ \t]*```[ \t]*(?:python|py)?[ \t]*\n(.*)\Z", re.DOTALL | re.MULTILINE)
_LANGUAGES = ("", "python", "python3", "py")
_HEADING = re.compile(r"^#+[ \t]*(.*?)[ \t]*:?[ \t]*$", re.MULTILINE)
_SECTIONS = ("Query", "Input", "Output")
_FEWEST_QUERY_CHARS = 40


@dataclass(frozen=True)
class Description:
    """What a reader is told about a function: the question, and what goes in and comes out."""

    query: str
    io_description: str


def code_in(reply: str, cut_off: bool) -> str | None:
    """All Python blocks of a reply as one text; of a reply that was cut off, only blocks that end."""
    blocks = [code for language, code in _BLOCK.findall(reply) if language.lower() in _LANGUAGES]
    if not blocks and not cut_off:
        left_open = _OPEN_BLOCK.search(_BLOCK.sub("", reply))
        if left_open:
            blocks = [left_open[1]]
        elif "```" not in reply and re.search(r"^def \w+\(", reply, re.MULTILINE):
            blocks = [reply]
    return "\n\n".join(blocks) if blocks else None


def description_in(reply: str, parameters: list[str]) -> Description | None:
    """The three sections of a description, if each is there once and all parameters are named.

    Other sections, such as examples that nobody asked for, are left out.
    """
    pieces = _HEADING.split(reply.strip())
    if sorted(name for name in pieces[1::2] if name in _SECTIONS) != sorted(_SECTIONS):
        return None
    sections = dict(zip(pieces[1::2], (text.strip() for text in pieces[2::2]), strict=True))
    query, given, result = (sections[name] for name in _SECTIONS)
    if len(query) < _FEWEST_QUERY_CHARS or "```" in reply or not result:
        return None
    if any(f"`{name}`" not in given for name in parameters):
        return None
    return Description(" ".join(query.split()), f"Input:\n{given}\n\nOutput:\n{result}")
