"""Stage 1: code files, checked and masked, each with its origin and licence.

In: files as rows (`sources.code_files`). Out: `raw_code`. A file that is not text, empty or too large is
dropped with its reason, and its content in `dropped` is masked too. Code that does not parse as Python 3 is
kept with `parses=false`: the next stage asks the model for Python 3.

Not covered: whether the code can become a function; the model decides that.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from builders.execution import Sandbox
from builders.execution.program import call_many, program
from builders.masking import RULES, PrivateKeyFound, masked
from builders.options import RawCodeOptions
from builders.schema import TABLES
from builders.sources.inside import parsing
from builders.stage import Drop, Row, Stage
from builders.verifier import CanonicalError

_PARSER = program(parsing)
# The whole expression, up to the end of its comment or string: half of it might permit more than all of it.
_SPDX = re.compile(r"""SPDX-License-Identifier:([^\n*<>"'`\\{}\[\]]*)""")
_AROUND_SPDX = " \t\r/#-"
_TOO_FEW_CHARS = 20


class RawCode(Stage):
    """The stage from files of a source to rows of `raw_code`."""

    makes = TABLES["raw_code"]
    version = 2
    options: RawCodeOptions

    def __init__(self, options: RawCodeOptions, sandbox: Sandbox) -> None:
        self.options = options
        self.sandbox = sandbox

    def identity(self) -> Row:
        """Return the Python version of the parser and the masking rules."""
        return {"python": list(sys.version_info[:2]), "masking": RULES}

    def rows(self, rows: list[Row]) -> Iterator[Row | Drop]:
        """Mask and check each file, then parse the Python files in the sandbox."""
        checked = [_checked(row, self.options.license) for row in rows]
        python = {
            index: row["content"]
            for index, row in enumerate(checked)
            if not isinstance(row, Drop) and row["language"].lower() == "python"
        }
        sources = ({"source": text} for text in python.values())
        parses = dict(zip(python, call_many(self.sandbox, _PARSER, "parses", sources), strict=True))
        for index, row in enumerate(checked):
            yield row if isinstance(row, Drop) else {**row, "parses": parses.get(index) is True}


def _checked(row: Row, license: str | None) -> Row | Drop:
    """Return the row of `raw_code`, without `parses`, or the reason to drop it.

    The licence is the one that the source states, or else the file's SPDX tag, or else `license`.
    """
    place = f"{row['source']}/{row['path']}"
    content, private_key = row["content"] or "", ""
    try:
        content = masked(content)
    except PrivateKeyFound as error:
        content, private_key = "", str(error)

    def drop(reason: str, detail: str) -> Drop:
        return Drop(place, row["source"], reason, detail, content)

    if row["problem"]:
        return drop(row["problem"], row["detail"])
    if private_key:
        return drop("private_key", private_key)
    if "\0" in content:
        return drop("not_text", "holds a NUL character")
    if len(content.strip()) < _TOO_FEW_CHARS:
        return drop("empty", f"fewer than {_TOO_FEW_CHARS} characters")
    try:
        code_id = TABLES["raw_code"].id({"content": content})
    except CanonicalError as error:
        return drop("not_text", str(error))
    tag = _SPDX.search(content)
    license = row["license"] or (tag and tag[1].strip(_AROUND_SPDX)) or license
    return {
        **{column: row[column] for column in ("language", "source", "path", "revision")},
        "code_id": code_id,
        "content": content,
        "license": license.lower() if license else None,
    }


def corpus() -> Path:
    """Return the folder of sample files that ships with the package."""
    return Path(__file__).with_name("corpus")
