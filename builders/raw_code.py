"""Stage 1: code files, judged and masked, each with its origin and licence.

In: rows of `source_files`. Out: `raw_code`. A file that is not text, empty or too large is dropped with its
reason. Code that does not parse as Python 3 goes on with `parses=false`: the next stage asks for Python 3.

Not covered: whether the code is worth a function; the model judges that.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from builders.execution import Job, Sandbox
from builders.masking import PrivateKeyFound, masked
from builders.schema import RAW_CODE, content_id
from builders.source_files import MAX_BYTES
from builders.stage import Drop, Row, Stage
from hub.verifier import CanonicalError, canonical

# Runs in the sandbox: deep nesting can crash the parser, and with it the process that called it.
_PARSER = """
import ast, warnings
def parses(source):
    warnings.simplefilter("ignore")
    try:
        ast.parse(source)
    except (SyntaxError, ValueError):
        return False
    return True
"""
_SPDX = re.compile(r"SPDX-License-Identifier:\s*([\w.+-]+)")
_TOO_FEW_CHARS = 20


class RawCode(Stage):
    """Rows of `source_files` to rows of `raw_code`."""

    name = "raw_code"
    version = 1
    features = RAW_CODE
    key = ("code_id",)

    def __init__(self, sandbox: Sandbox, license: str | None = None) -> None:
        """`license` is what the user states for files that name none themselves."""
        self.sandbox = sandbox
        self.license = license

    def identity(self) -> Row:
        """The parser's language version, the size limit and the stated licence decide."""
        return {"python": list(sys.version_info[:2]), "max_bytes": MAX_BYTES, "license": self.license}

    def rows(self, rows: list[Row]) -> Iterator[Row | Drop]:
        """Mask and judge each file, then see in the sandbox which ones parse."""
        judged = [_judged(row, self.license) for row in rows]
        texts = [
            row["content"] for row in judged if not isinstance(row, Drop) and row["language"] == "Python"
        ]
        jobs = [
            Job(code=_PARSER, entrypoint="parses", inputs=[canonical({"source": text})]) for text in texts
        ]
        parses = {
            text: runs[0].output == "true"
            for text, runs in zip(texts, self.sandbox.run_many(jobs), strict=True)
        }
        for row in judged:
            yield row if isinstance(row, Drop) else {**row, "parses": parses.get(row["content"], False)}


def _judged(row: Row, license: str | None) -> Row | Drop:
    content = row["content"] or ""
    place = f"{row['source']}/{row['path']}"

    def drop(reason: str, detail: str) -> Drop:
        return Drop(place, row["source"], reason, detail, content)

    if row["problem"]:
        return drop(row["problem"], row["detail"])
    if "\0" in content:
        return drop("not_text", "holds a NUL character")
    if len(content.strip()) < _TOO_FEW_CHARS:
        return drop("empty", f"fewer than {_TOO_FEW_CHARS} characters")
    try:
        content = masked(content)
        code_id = content_id("raw_code", content)
    except PrivateKeyFound as error:
        return Drop(place, row["source"], "private_key", str(error))
    except CanonicalError as error:
        return Drop(place, row["source"], "not_text", str(error))
    tag = _SPDX.search(content)
    license = row["license"] or (tag[1] if tag else license)
    return {
        **{column: row[column] for column in ("language", "source", "path", "revision")},
        "code_id": code_id,
        "content": content,
        "license": license.lower() if license else None,
    }


def corpus() -> Path:
    """The folder of sample files that comes with the package."""
    return Path(__file__).with_name("corpus")
