"""Prompts are files with an id from their content, and all of their placeholders must be filled."""

import hashlib
from pathlib import Path

import pytest
from jinja2 import UndefinedError

import prompts
from tests import ROOT

FILES = sorted((ROOT / "prompts").glob("*.md"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_file_is_a_prompt_with_the_id_of_its_content(file: Path) -> None:
    prompt = prompts.load(file.stem)
    assert prompt.text + "\n" == file.read_text(encoding="utf-8")
    assert prompt.id == hashlib.sha256(prompt.text.encode()).hexdigest()[:16]


def test_values_stand_as_they_are_and_none_may_be_missing() -> None:
    prompt = prompts.Prompt("mine", "Read {{ code }}.")
    assert prompt.render(code="<b> & {{ x }}") == "Read <b> & {{ x }}."
    with pytest.raises(UndefinedError, match="code"):
        prompt.render()
