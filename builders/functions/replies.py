"""The contents of a model's replies in stage 2: Python code, and the description of a function.

In: replies as text. Out: code, or the sections of a description; None if a reply does not have them. This
module only handles text: the code is parsed elsewhere, in the sandbox (`inspection`).
"""

import json
import re
from dataclasses import dataclass

from builders.verifier import canonical

_LANGUAGES = ("", "python", "python3", "py")
_HEADING = re.compile(r"^#+([^\n]*)$", re.MULTILINE)
_SECTIONS = ("Query", "Input", "Output")
_DEFINITION = re.compile(r"^def \w+\(", re.MULTILINE)
_MIN_QUERY_CHARS = 40
_MIN_REVEALING_CHARS = 8
_MIN_REVEALING_STRING_CHARS = 20
"""A shorter value, or a shorter string such as "kilogram", can be in a description for other reasons."""
_N_REPEATED_WORDS = 6


@dataclass(frozen=True)
class Description:
    """The description of a function for its readers.

    Attributes:
        query: The question that the function answers, on one line.
        io_description: What goes in and what comes out, under the lines "Input:" and "Output:".
    """

    query: str
    io_description: str


def code_in(reply: str, cut_off: bool) -> str | None:
    """Return the Python blocks of a reply as one text; a block that was cut off loses its last definition."""
    blocks, unclosed = _python_blocks(reply)
    if not blocks and unclosed is not None:
        whole = unclosed.rpartition("\ndef ")[0] if cut_off else unclosed
        blocks = [whole] if not cut_off or _DEFINITION.search(whole) else []
    elif not blocks and not cut_off and "```" not in reply and _DEFINITION.search(reply):
        blocks = [reply]
    code = "\n\n".join(blocks)
    return code if code.strip() else None


def _python_blocks(reply: str) -> tuple[list[str], str | None]:
    """Return the Python blocks between fences, and the block that no fence closes, if there is one."""
    blocks: list[str] = []
    block: list[str] | None = None
    language = ""
    for line in reply.split("\n"):
        fence = line.strip().startswith("```")
        if block is None:
            if fence:
                block, language = [], (line.strip()[3:].split() or [""])[0].lower()
        elif not fence:
            block.append(line)
        else:
            blocks += ["\n".join(block) + "\n"] if language in _LANGUAGES else []
            block = None
    return blocks, "\n".join(block) if block is not None and language in _LANGUAGES else None


def description_in(reply: str, parameters: list[str]) -> Description | None:
    """Return the three sections of a description, if each occurs once and all parameters are named.

    Other sections, such as examples that nobody asked for, are left out. Return None if the query is too
    short, the output is empty, or the reply has a code block.
    """
    pieces = _HEADING.split(reply.strip())
    pieces[1::2] = [heading.strip().removesuffix(":").strip() for heading in pieces[1::2]]
    if sorted(name for name in pieces[1::2] if name in _SECTIONS) != sorted(_SECTIONS):
        return None
    sections = dict(zip(pieces[1::2], (text.strip() for text in pieces[2::2]), strict=True))
    query, inputs, outputs = (sections[name] for name in _SECTIONS)
    if len(query) < _MIN_QUERY_CHARS or "```" in reply or not outputs:
        return None
    if any(f"`{name}`" not in inputs for name in parameters):
        return None
    return Description(" ".join(query.split()), f"Input:\n{inputs}\n\nOutput:\n{outputs}")


def reveals_pair(description: Description, input_json: str, output_json: str) -> bool:
    """Return whether a description repeats a value of the pair that the model saw, which must stay hidden."""
    described = "".join(f"{description.query} {description.io_description}".split())
    for value in (*json.loads(input_json).values(), json.loads(output_json)):
        text = "".join(canonical(value).split())
        min_chars = _MIN_REVEALING_STRING_CHARS if isinstance(value, str) else _MIN_REVEALING_CHARS
        if len(text) >= min_chars and text in described:
            return True
    return False


def copies_example(description: Description, example: str) -> bool:
    """Return whether a description copies words of the worked example instead of describing the function."""
    return bool(_word_sequences(description.query) & _word_sequences(example))


def _word_sequences(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return set(zip(*(words[start:] for start in range(_N_REPEATED_WORDS)), strict=False))
