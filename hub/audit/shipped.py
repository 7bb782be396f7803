"""What lies beside the tables: rules and prompts, known by the digests of their bytes, never imported or run.

Other rules may grade otherwise, and whoever loads the data would run them. Every text that codeio has shipped
is known with the number of its rules, so that data stays right when words are put better. Prompts may be of
another version of codeio; what was asked with them cannot be written again: a stranger's template is code.
"""

import hashlib
from collections import Counter
from pathlib import Path

import prompts
from hub.audit.case import Case
from hub.audit.untrusted import iterated
from hub.layout import SHIPPED

MOST_BYTES = 1 << 20
RULES_OF: dict[str, dict[str, str | None]] = {
    "verifier.py": {
        "ba7548d9ab4df43903bfa30e4d0d2d385e33549d675f3c16eee9ec939ddfd96c": "0.0",  # reads deeper
        "1e9ed634dace7d5a82ab778d6c5507d211f5adc0c6c68b09ed82a7660da7cb64": "0.1",
        "c60429062bb4a957b718e338bcb3a0be2fa4cb358810cc7c6cd6ad1059b4d731": "0.1",
        "47643d09db598e46553cbd39528cf97f87059b6cad9971fc0dcbfa1253ebf7c6": "0.1",
    },
    "io_prediction.py": {
        "6d509de9545f5c74b3413de2b12e5a6d5ed09be0c7482cd22d8e0dcf5e099878": None,
        "97016aa61702da1e5cebcd56835f2ae1d5a2ece1cf3fd70183c2136a1f33992a": None,
        "493f3244c0a57828d2bf252335f1441778f7151930b88bab9c7e0f31a7bbeb72": None,
    },
}
"""For each file the sha256 of every text that shipped, with the number of its rules (`builders.formats`).

None where these are whatever the verifier beside it has.
"""
SENT = ("system", "task", "revision")
"""The prompts that stand in messages."""


def check(case: Case) -> None:
    """Look at files that ship with published data, and at the prompts that turns name."""
    turns = case.tables.rows.get("turns", ())
    with case.looking("shipped", len(SENT) + len(SHIPPED) + len(turns)):
        for name in SHIPPED:
            theirs = _content(case.folder.root / name)
            if theirs is None and case.is_published:
                case.found("shipped", "", name, "does not ship with the data")
            elif theirs is not None and (fault := _fault(name, theirs, case.facts.rules)):
                case.found("shipped", "", name, fault)
        shipped = _shipped(case.folder.root)
        others = {name for name in SENT if shipped.get(name, _ours(name)) != _ours(name)}
        others |= _unknown(case, shipped)
        if others:
            case.prompts_are_ours = False
            case.leaves_out(
                f"prompts and messages: made with other prompts than ours ({', '.join(sorted(others))})"
            )


def _fault(name: str, theirs: bytes, rules: str) -> str | None:
    """Return what is wrong with a file beside data of these rules; it is known by its bytes alone."""
    known, digest = RULES_OF[name], hashlib.sha256(theirs).hexdigest()
    if digest not in known:
        return "is not codeio's: whoever uses it may grade by other rules. It was not run"
    if known[digest] not in (None, rules):
        return f"grades by rules {known[digest]}, and the answers were judged by rules {rules}"
    return None


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
