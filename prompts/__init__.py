"""Every message that a model can be sent, one Markdown file each, versioned by its content.

In: a name and the values its placeholders need. Out: text. A prompt's id changes with its file, and every
stage that uses it counts the id into its fingerprint.
"""

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from jinja2 import Environment, StrictUndefined, Template

_TEMPLATES = Environment(undefined=StrictUndefined, keep_trailing_newline=False, autoescape=False)


@dataclass(frozen=True)
class Prompt:
    """A template and the name of its file."""

    name: str
    text: str

    @property
    def id(self) -> str:
        """16 hex digits of the file's content."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]

    def render(self, **values: object) -> str:
        """Fill the placeholders; one without a value raises jinja2.UndefinedError."""
        return _compiled(self.text).render(**values)


@cache
def _compiled(text: str) -> Template:
    return _TEMPLATES.from_string(text)


@cache
def load(name: str) -> Prompt:
    """Read `prompts/<name>.md`."""
    return Prompt(name, files(__name__).joinpath(f"{name}.md").read_text(encoding="utf-8").rstrip("\n"))
