"""The files beside the tables: rules and prompts, recognised by the digests of their bytes, never run.

A different verifier may grade differently, and anyone who loads the data would run it. `RULES_OF` lists every
text that codeio has shipped with the number of its rules, so that data stays valid when only the words of a
file change. Prompts may come from a different version of codeio. The messages made with them cannot be made
again: a stranger's template is code.
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
        "21e6774f9da13a420c1b8447cd8fc424163a3cd9dd5d8f0ab0d74fbf8945ca34": "0.1",
    },
    "io_prediction.py": {
        "6d509de9545f5c74b3413de2b12e5a6d5ed09be0c7482cd22d8e0dcf5e099878": None,
        "97016aa61702da1e5cebcd56835f2ae1d5a2ece1cf3fd70183c2136a1f33992a": None,
        "493f3244c0a57828d2bf252335f1441778f7151930b88bab9c7e0f31a7bbeb72": None,
    },
}
"""For each file, the sha256 of every text that shipped, with the number of its rules (`builders.formats`).

The number is None for a file that takes its rules from the verifier beside it.
"""
MESSAGE_PROMPTS = ("system", "task", "revision")
"""Prompts that are part of messages."""


def check(case: Case) -> None:
    """Check the files that ship with published data, and the prompts that turns name."""
    turns = case.tables.rows.get("turns", ())
    with case.checking("shipped", len(MESSAGE_PROMPTS) + len(SHIPPED) + len(turns)):
        for name in SHIPPED:
            content = _content(case.folder.root / name)
            if content is None and case.is_published:
                case.add_finding("shipped", "", name, "does not ship with the data")
            elif content is not None and (fault := _fault(name, content, case.expectations.rules)):
                case.add_finding("shipped", "", name, fault)
        shipped_ids = _shipped_prompts(case.folder.root)
        different = {
            name for name in MESSAGE_PROMPTS if shipped_ids.get(name, _own_id(name)) != _own_id(name)
        }
        different |= _unknown_prompts(case, shipped_ids)
        if different:
            case.prompts_are_ours = False
            names = ", ".join(sorted(different))
            case.add_unchecked(
                f"prompts and messages: made with prompts that are not this codeio's ({names})"
            )


def _fault(name: str, content: bytes, rules: str) -> str | None:
    """Return what is wrong with a file beside data of these rules, judging by the digest of its bytes."""
    rules_by_digest, digest = RULES_OF[name], hashlib.sha256(content).hexdigest()
    if digest not in rules_by_digest:
        return "is not codeio's file: it may grade by different rules. It was not run"
    if rules_by_digest[digest] not in (None, rules):
        return f"grades by rules {rules_by_digest[digest]}, but the answers were judged by rules {rules}"
    return None


def _unknown_prompts(case: Case, shipped_ids: dict[str, str]) -> set[str]:
    """Return the prompts that turns name with an unknown id, and report each of these ids once."""
    if "turns" not in case.tables.rows:
        return set()
    named: Counter[tuple[str, str | None]] = Counter()
    for row in iterated(case.tables.rows["turns"], "turn", "prompt_id"):
        named["revision" if row["turn"] else "task", row["prompt_id"]] += 1
    unknown = set()
    for (name, prompt_id), count in named.items():
        if prompt_id not in (shipped_ids.get(name), _own_id(name)):
            unknown.add(name)
            detail = f"{count} turns name a prompt `{name}` with the id {prompt_id}, which is unknown"
            case.add_finding("shipped", "turns", "", detail)
    return unknown


def _own_id(name: str) -> str:
    return prompts.load(name).id


def _shipped_prompts(root: Path) -> dict[str, str]:
    """Return the ids of the prompts that ship with the data, by name."""
    prompt_ids = {}
    for name in MESSAGE_PROMPTS:
        content = _content(root / "prompts" / f"{name}.md")
        if content is not None:
            prompt_ids[name] = hashlib.sha256(content.rstrip(b"\n")).hexdigest()[:16]
    return prompt_ids


def _content(file: Path) -> bytes | None:
    """Return a file's first `MOST_BYTES` bytes, more than codeio's own have; None if it is not a file."""
    if not file.is_file():
        return None
    with file.open("rb") as stream:
        return stream.read(MOST_BYTES)
