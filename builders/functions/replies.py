"""What a model's replies in stage 2 hold: Python code, and the description of a function.

In: replies as text. Out: code, or the sections of a description; None where a reply has not got them. Text
work only: the code is read by its syntax tree elsewhere, in the sandbox (`inspection`).
"""

import json
import re
from dataclasses import dataclass

from builders.verifier import canonical

_LANGUAGES = ("", "python", "python3", "py")
_HEADING = re.compile(r"^#+([^\n]*)$", re.MULTILINE)
_SECTIONS = ("Query", "Input", "Output")
_DEFINITION = re.compile(r"^def \w+\(", re.MULTILINE)
_FEWEST_QUERY_CHARS = 40
_FEWEST_TELLING_CHARS = 8
_FEWEST_TELLING_TEXT = 20
"""Shorter values, and texts such as "kilogram", may stand in a description for their own sake."""
_N_REPEATED_WORDS = 6


@dataclass(frozen=True)
class Description:
    """What a reader is told about a function: the question, and what goes in and comes out."""

    query: str
    io_description: str


def code_in(reply: str, cut_off: bool) -> str | None:
    """All Python blocks of a reply as one text; of a block that was cut off, only whole definitions."""
    blocks, left_open = _blocks(reply)
    if not blocks and left_open is not None:
        whole = left_open.rpartition("\ndef ")[0] if cut_off else left_open
        blocks = [whole] if not cut_off or _DEFINITION.search(whole) else []
    elif not blocks and not cut_off and "```" not in reply and _DEFINITION.search(reply):
        blocks = [reply]
    code = "\n\n".join(blocks)
    return code if code.strip() else None


def _blocks(reply: str) -> tuple[list[str], str | None]:
    """The Python blocks between fences, and the one that no fence ends."""
    blocks: list[str] = []
    held: list[str] | None = None
    language = ""
    for line in reply.split("\n"):
        fence = line.strip().startswith("```")
        if held is None:
            if fence:
                held, language = [], (line.strip()[3:].split() or [""])[0].lower()
        elif not fence:
            held.append(line)
        else:
            blocks += ["\n".join(held) + "\n"] if language in _LANGUAGES else []
            held = None
    return blocks, "\n".join(held) if held is not None and language in _LANGUAGES else None


def description_in(reply: str, parameters: list[str]) -> Description | None:
    """The three sections of a description, if each is there once and all parameters are named.

    Other sections, such as examples that nobody asked for, are left out.
    """
    pieces = _HEADING.split(reply.strip())
    pieces[1::2] = [heading.strip().removesuffix(":").strip() for heading in pieces[1::2]]
    if sorted(name for name in pieces[1::2] if name in _SECTIONS) != sorted(_SECTIONS):
        return None
    sections = dict(zip(pieces[1::2], (text.strip() for text in pieces[2::2]), strict=True))
    query, given, result = (sections[name] for name in _SECTIONS)
    if len(query) < _FEWEST_QUERY_CHARS or "```" in reply or not result:
        return None
    if any(f"`{name}`" not in given for name in parameters):
        return None
    return Description(" ".join(query.split()), f"Input:\n{given}\n\nOutput:\n{result}")


def gives_away(description: Description, given: str, output: str) -> bool:
    """Whether the example that was shown to the model stands in what it wrote: pairs are never told."""
    told = "".join(f"{description.query} {description.io_description}".split())
    for value in (*json.loads(given).values(), json.loads(output)):
        text = "".join(canonical(value).split())
        fewest = _FEWEST_TELLING_TEXT if isinstance(value, str) else _FEWEST_TELLING_CHARS
        if len(text) >= fewest and text in told:
            return True
    return False


def repeats(description: Description, example: str) -> bool:
    """Whether a description takes a row of words from the worked example instead of telling the function."""
    return bool(_word_rows(description.query) & _word_rows(example))


def _word_rows(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return set(zip(*(words[start:] for start in range(_N_REPEATED_WORDS)), strict=False))
