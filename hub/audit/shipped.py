"""What lies beside the tables: rules and prompts, compared with our own by content, never imported or run.

Other rules may grade otherwise, and whoever loads the data would run them. Prompts may be those of another
version of codeio; what was asked with them cannot be written again, since a stranger's template is code.
"""

import hashlib
from collections import Counter
from pathlib import Path

import prompts
from hub.audit.case import Case
from hub.audit.untrusted import iterated
from hub.layout import SHIPPED

MOST_BYTES = 1 << 20
SENT = ("system", "task", "revision")
"""The prompts that stand in messages."""


def check(case: Case) -> None:
    """Look at files that ship with published data, and at the prompts that turns name."""
    turns = case.tables.rows.get("turns", ())
    with case.looking("shipped", len(SENT) + len(SHIPPED) + len(turns)):
        for name, ours in SHIPPED.items():
            theirs = _content(case.folder.root / name)
            if theirs is None and case.is_published:
                case.found("shipped", "", name, "does not ship with the data")
            elif theirs is not None and theirs != ours.read_bytes():
                detail = "is not codeio's: whoever uses it may grade by other rules. It was not run"
                case.found("shipped", "", name, detail)
        shipped = _shipped(case.folder.root)
        others = {name for name in SENT if shipped.get(name, _ours(name)) != _ours(name)}
        others |= _unknown(case, shipped)
        if others:
            case.prompts_are_ours = False
            case.leaves_out(
                f"prompts and messages: made with other prompts than ours ({', '.join(sorted(others))})"
            )


def _unknown(case: Case, shipped: dict[str, str]) -> set[str]:
    """The prompts of which turns name a version that is not at hand; told once for each."""
    if "turns" not in case.tables.rows:
        return set()
    named: Counter[tuple[str, str | None]] = Counter()
    for row in iterated(case.tables.rows["turns"], "turn", "prompt_id"):
        named["revision" if row["turn"] else "task", row["prompt_id"]] += 1
    unknown = set()
    for (name, prompt_id), count in named.items():
        if prompt_id not in (shipped.get(name), _ours(name)):
            unknown.add(name)
            detail = f"{count} turns name a prompt `{name}` of id {prompt_id}, which is not at hand"
            case.found("shipped", "turns", "", detail)
    return unknown


def _ours(name: str) -> str:
    return prompts.load(name).id


def _shipped(root: Path) -> dict[str, str]:
    """The ids of prompts that ship with the data."""
    found = {}
    for name in SENT:
        content = _content(root / "prompts" / f"{name}.md")
        if content is not None:
            found[name] = hashlib.sha256(content.rstrip(b"\n")).hexdigest()[:16]
    return found


def _content(file: Path) -> bytes | None:
    """Of a file that is none, nothing; of an endless one, more than ours has."""
    if not file.is_file():
        return None
    with file.open("rb") as content:
        return content.read(MOST_BYTES)
