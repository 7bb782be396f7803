"""The version numbers of data format and rules, and the errors for data with different ones.

The *format* covers columns, ids, clusters of near copies and the counted parts of the card. The *rules* are
those of `verifier`. Both numbers are stored in `provenance.json` of published data and `run.json` of a build.
CHANGELOG.md explains each number, CONTRIBUTING.md says when to increase it.

Not covered: where they are read (`running.provenance`, `running.run`), and which text of the verifier has
which rules (`hub.audit.shipped`).
"""

import re
from collections.abc import Mapping
from typing import Any

from builders.errors import CodeioError

FORMAT = "0.1"
RULES = "0.1"
NUMBERS = {"format": FORMAT, "rules": RULES}
UNSTATED = {"format": "0.1", "rules": "0.1"}
"""The numbers of data that states none because it is older than the numbers; they never change."""
_NUMBER = re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,4})?")
_VERSION = re.compile(r"[0-9][\w.+-]{0,39}", re.ASCII)
MAX_VERSIONS = 3


class FormatMismatch(CodeioError):
    """Data with a different format or rules; the message says which version of codeio reads it."""


def stated_numbers(facts: Mapping[str, Any]) -> dict[str, str]:
    """Return the numbers that data states; `unknown` for a value that is not a number.

    Data without any provenance gets the current numbers; its columns will show whether it can be read.
    """
    defaults = UNSTATED if facts else NUMBERS
    numbers = {kind: facts.get(kind) or default for kind, default in defaults.items()}
    return {kind: number if _is_text(_NUMBER, number) else "unknown" for kind, number in numbers.items()}


def check_format(name: str, facts: Mapping[str, Any]) -> None:
    """Raise FormatMismatch unless the data called `name` has the format of this codeio."""
    number = stated_numbers(facts)["format"]
    if number != FORMAT:
        raise FormatMismatch(
            f"{name} is data of format {number}, and this codeio has format {FORMAT}: {_maker(facts)} reads"
            " it; here, only a file of its functions can be used, with `--from functions`."
        )


def check_rules(name: str, facts: Mapping[str, Any]) -> None:
    """Raise FormatMismatch unless the answers of `name` were judged by the rules of this codeio."""
    if sentence := rules_mismatch(name, facts):
        raise FormatMismatch(sentence)


def rules_mismatch(name: str, facts: Mapping[str, Any]) -> str | None:
    """Return the message for data whose answers were judged by different rules; None if by the same."""
    number = stated_numbers(facts)["rules"]
    if number == RULES:
        return None
    return (
        f"The answers of {name} were judged by rules {number}, and this codeio has rules {RULES}:"
        f" {_maker(facts)} has those; here, `--from` can use its functions, io_pairs or tasks."
    )


def _maker(facts: Mapping[str, Any]) -> str:
    """Return the name for the codeio that made the data, with its versions if the data states them."""
    builds = facts.get("made_with")
    builds = builds if isinstance(builds, list) else []
    values = [build.get("codeio") for build in builds if isinstance(build, dict)]
    versions = sorted({str(value) for value in values if _is_text(_VERSION, value)})[-MAX_VERSIONS:]
    return f"the codeio that made it ({', '.join(versions)})" if versions else "the codeio that made it"


def _is_text(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None
