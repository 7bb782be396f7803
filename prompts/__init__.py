"""Prompt templates: every message that codeio can send to a model, one Markdown file each.

In: the name of a file, and values for its placeholders. Out: text. A prompt's id is a hash of its text, and
part of the identity of each stage that uses the prompt.
"""

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from jinja2 import Environment, StrictUndefined, Template

_TEMPLATES = Environment(undefined=StrictUndefined, keep_trailing_newline=False, autoescape=False)


@dataclass(frozen=True)
class Prompt:
    """A prompt template (Jinja2) and the name of its file, without `.md`.

    Example:
        >>> revision = load("revision")
        >>> revision.name, len(revision.id)
        ('revision', 16)
        >>> text = revision.render(direction="output", feedback="The code returns 14 and not 15.")
        >>> print(text.splitlines()[0])
        The code returns 14 and not 15.
    """

    name: str
    text: str

    @property
    def id(self) -> str:
        """The prompt's version: the first 16 hex digits of the SHA-256 of its text."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]

    def render(self, **values: object) -> str:
        """Return the message with its placeholders filled.

        Args:
            values: A value for each placeholder that the template reads; others are ignored.

        Returns:
            The message, inserted values unescaped.

        Raises:
            jinja2.UndefinedError: If the template reads a placeholder that has no value.

        Example:
            >>> print(load("answer").render(direction="output"))
            Now give only your final answer, as one JSON object of the form {"output": <returned value>}.
        """
        return _compiled(self.text).render(**values)


@cache
def _compiled(text: str) -> Template:
    return _TEMPLATES.from_string(text)


@cache
def load(name: str) -> Prompt:
    """Return the prompt in `prompts/NAME.md`; each file is read once per process.

    Args:
        name: The name of the file without `.md`.

    Returns:
        The prompt, without newlines at its end.

    Raises:
        FileNotFoundError: If there is no such file.

    Example:
        >>> print(load("system").text.partition(".")[0])
        You work out what code does by careful reasoning
    """
    return Prompt(name, files(__name__).joinpath(f"{name}.md").read_text(encoding="utf-8").rstrip("\n"))
