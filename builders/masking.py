"""Credentials and e-mail addresses are masked before a file is hashed, stored or sent to a model.

In: source text. Out: the text with `<SECRET>` and `<EMAIL>` in their places. The patterns for credentials are
those of detect-secrets, and own ones for tokens of which it finds nothing or only the prefix. Its pragma
comments are ignored: a file does not decide what leaves the machine. Entropy alone is no reason, since code
is full of random-looking strings.

Not covered: secrets that look like ordinary words; the body of a private key, which spans lines (a file that
holds one is refused: `PrivateKeyFound`); the ends of secrets longer than `OVERLAP_CHARS` on lines longer than
`WINDOW_CHARS`.
"""

import functools
import re
from collections.abc import Iterator
from importlib.metadata import version

from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
from detect_secrets.filters.heuristic import (
    is_not_alphanumeric_string,
    is_prefixed_with_dollar_sign,
    is_sequential_string,
    is_templated_secret,
)
from detect_secrets.plugins.keyword import QUOTES_REQUIRED_DENYLIST_REGEX_TO_GROUP as KEYWORDS

# Entropy and addresses prove nothing. The detector of keywords stops at a line's first match, and that of
# private keys does not know encrypted ones: both are looked for below.
_LEFT_OUT = {
    "Base64HighEntropyString",
    "HexHighEntropyString",
    "IPPublicDetector",
    "KeywordDetector",
    "PrivateKeyDetector",
}
_DETECTORS = [
    plugin()
    for plugin in sorted(get_mapping_from_secret_type_to_class().values(), key=lambda plugin: plugin.__name__)
    if plugin.__name__ not in _LEFT_OUT
]
# Values that code is full of: alphabets, "{placeholder}", "$VARIABLE", "****".
_HARMLESS = (
    is_sequential_string,
    is_templated_secret,
    is_prefixed_with_dollar_sign,
    is_not_alphanumeric_string,
)
# Longer lines are looked at piece by piece: the time that some patterns take grows with the square of theirs.
WINDOW_CHARS, OVERLAP_CHARS = 1000, 250
_PRIVATE_KEY = re.compile(r"BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY|PuTTY-User-Key-File-")
# GitHub, GitLab, npm, Google, Hugging Face, Anthropic, OpenAI.
_TOKEN = re.compile(
    r"gh[opsur]_\w{36,}|github_pat_\w{22,}|gl(?:pat|dt|ft|soat|rt|cbt)-[\w-]{20,}|npm_[A-Za-z0-9]{36}"
    r"|AIza[\w-]{35}|hf_[A-Za-z0-9]{34}|sk-ant-[a-z]+\d\d-[\w-]{20,}|sk-[\w-]{20,200}T3BlbkFJ[\w-]{20,}",
    re.ASCII,
)
# A matrix product such as `a@b.T` is no address: the last label must be a well-known top-level domain.
# A local part has at most 64 characters (RFC 5321); without a bound, long dotted names cost quadratic time.
_EMAIL = re.compile(
    r"\w[\w.+-]{0,63}@[\w-]+(?:\.[\w-]+)*"
    r"\.(?:com|org|net|edu|gov|mil|int|info|biz|io|dev|app|ai|me|co|[a-z]{2})\b",
    re.IGNORECASE,
)
RULES = [version("detect-secrets"), _PRIVATE_KEY.pattern, _TOKEN.pattern, _EMAIL.pattern]
"""What decides the result besides this code, for the identity of who keeps it."""


class PrivateKeyFound(ValueError):
    """The text holds a private key."""


def masked(text: str) -> str:
    """Mask what must not leave the machine; raises PrivateKeyFound."""
    if _PRIVATE_KEY.search(text):
        raise PrivateKeyFound("the file holds a private key")
    lines = _TOKEN.sub("<SECRET>", text).splitlines(keepends=True)
    return _EMAIL.sub("<EMAIL>", "".join(map(_masked_line, lines)))


@functools.lru_cache(maxsize=1 << 14)  # answers repeat lines of the code that they are about
def _masked_line(line: str) -> str:
    secrets = {value for value in _values(line) if not any(harmless(value) for harmless in _HARMLESS)}
    if not secrets:
        return line
    longest_first = sorted(secrets, key=lambda value: (-len(value), value))
    return re.sub("|".join(map(re.escape, longest_first)), "<SECRET>", line)


def _values(line: str) -> Iterator[str]:
    """All that may be secret in a line."""
    for start in range(0, max(1, len(line) - OVERLAP_CHARS), WINDOW_CHARS - OVERLAP_CHARS):
        piece = line[start : start + WINDOW_CHARS]
        for detector in _DETECTORS:
            yield from detector.analyze_string(piece)
        for pattern, group in KEYWORDS.items():
            yield from (match[group] for match in pattern.finditer(piece))
