"""The numbers of what codeio writes, and what to say of data that has others.

The *format* is columns, ids, clusters of near copies and the counted parts of the card; the *rules* are those
of `verifier`. Both stand in `provenance.json` of published data and in `run.json` of a build. CHANGELOG.md
says what each number is, CONTRIBUTING.md when it counts up.

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
"""Of data that states none: it was made before there were numbers. These never count up."""
_NUMBER = re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,4})?")
_VERSION = re.compile(r"[0-9][\w.+-]{0,39}", re.ASCII)
MOST_VERSIONS = 3


class OtherFormat(CodeioError):
    """Data of another format, or of other rules; the message says which codeio reads it."""


def stated(facts: Mapping[str, Any]) -> dict[str, str]:
    """Return the numbers that data states of itself; `unknown` for what is not a number.

    Of data that says nothing at all, they are ours: whether it fits is for its columns to show.
    """
    given = {kind: facts.get(kind) or usual for kind, usual in (UNSTATED if facts else NUMBERS).items()}
    return {kind: number if _is_text(_NUMBER, number) else "unknown" for kind, number in given.items()}


def check_format(name: str, facts: Mapping[str, Any]) -> None:
    """Raise OtherFormat unless the data called `name` has the format of this codeio."""
    number = stated(facts)["format"]
    if number != FORMAT:
        raise OtherFormat(
            f"{name} is data of format {number}, and this codeio has format {FORMAT}: {_maker(facts)} reads"
            " it, and `--from functions` can take a file of its functions at most."
        )


def check_rules(name: str, facts: Mapping[str, Any]) -> None:
    """Raise OtherFormat unless the answers of `name` were judged by the rules of this codeio."""
    if sentence := other_rules(name, facts):
        raise OtherFormat(sentence)


def other_rules(name: str, facts: Mapping[str, Any]) -> str | None:
    """Return what to say of data whose answers were judged by other rules; None where they were by these."""
    number = stated(facts)["rules"]
    if number == RULES:
        return None
    return (
        f"The answers of {name} were judged by rules {number}, and this codeio has rules {RULES}:"
        f" {_maker(facts)} has those, and `--from` can take its functions, io_pairs or tasks."
    )


def _maker(facts: Mapping[str, Any]) -> str:
    """Return who made the data, with the releases of codeio that it names."""
    builds = facts.get("made_with")
    builds = builds if isinstance(builds, list) else []
    named = [build.get("codeio") for build in builds if isinstance(build, dict)]
    versions = sorted({str(version) for version in named if _is_text(_VERSION, version)})[-MOST_VERSIONS:]
    return f"the codeio that made it ({', '.join(versions)})" if versions else "the codeio that made it"


def _is_text(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None
