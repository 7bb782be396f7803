"""Masking of credentials and e-mail addresses, before a file is hashed, stored or sent to a model.

In: source text. Out: the text with `<SECRET>` and `<EMAIL>` in their places. The patterns for credentials are
those of detect-secrets, and some of codeio's for tokens that it misses or recognises only by their prefix.
Its pragma comments are ignored: a file must not decide what leaves the machine. High entropy alone does not
count, because code is full of strings that look random.

Not covered: secrets that look like ordinary words; the body of a private key, which spans lines (a file with
one is refused: `PrivateKeyFound`); the ends of secrets longer than `OVERLAP_CHARS` on lines longer than
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

# High entropy and IP addresses prove nothing. The keyword detector stops at the first match of a line, and
# the one for private keys does not know encrypted keys: the code below looks for both.
_UNUSED_DETECTORS = {
    "Base64HighEntropyString",
    "HexHighEntropyString",
    "IPPublicDetector",
    "KeywordDetector",
    "PrivateKeyDetector",
}
_DETECTORS = [
    plugin()
    for plugin in sorted(get_mapping_from_secret_type_to_class().values(), key=lambda plugin: plugin.__name__)
    if plugin.__name__ not in _UNUSED_DETECTORS
]
# Values that are common in code and not secret: alphabets, "{placeholder}", "$VARIABLE", "****".
_HARMLESS = (
    is_sequential_string,
    is_templated_secret,
    is_prefixed_with_dollar_sign,
    is_not_alphanumeric_string,
)
# Longer lines are searched in pieces: the time of some patterns grows with the square of the length.
WINDOW_CHARS, OVERLAP_CHARS = 1000, 250
_PRIVATE_KEY = re.compile(r"BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY|PuTTY-User-Key-File-")
# GitHub, GitLab, npm, Google, Hugging Face, Anthropic, OpenAI.
_TOKEN = re.compile(
    r"gh[opsur]_\w{36,}|github_pat_\w{22,}|gl(?:pat|dt|ft|soat|rt|cbt)-[\w-]{20,}|npm_[A-Za-z0-9]{36}"
    r"|AIza[\w-]{35}|hf_[A-Za-z0-9]{34}|sk-ant-[a-z]+\d\d-[\w-]{20,}|sk-[\w-]{20,200}T3BlbkFJ[\w-]{20,}",
    re.ASCII,
)
# A matrix product such as `a@b.T` is not an address: the last label must be a well-known top-level domain.
# A local part has at most 64 characters (RFC 5321); without a limit, long dotted names take quadratic time.
_EMAIL = re.compile(
    r"\w[\w.+-]{0,63}@[\w-]+(?:\.[\w-]+)*"
    r"\.(?:com|org|net|edu|gov|mil|int|info|biz|io|dev|app|ai|me|co|[a-z]{2})\b",
    re.IGNORECASE,
)
RULES = [version("detect-secrets"), _PRIVATE_KEY.pattern, _TOKEN.pattern, _EMAIL.pattern]
"""What decides the result besides this code: the version of detect-secrets and the patterns.

A stage that keeps masked text has it in its identity.
"""


class PrivateKeyFound(ValueError):
    """The text holds a private key, so it must not leave the machine at all."""


def masked(text: str) -> str:
    """Return the text with credentials and e-mail addresses masked; raises PrivateKeyFound."""
    if _PRIVATE_KEY.search(text):
        raise PrivateKeyFound("the file holds a private key")
    lines = _TOKEN.sub("<SECRET>", text).splitlines(keepends=True)
    return _EMAIL.sub("<EMAIL>", "".join(map(_masked_line, lines)))


@functools.lru_cache(maxsize=1 << 14)  # answers repeat lines of the code they are about
def _masked_line(line: str) -> str:
    secrets = {value for value in _values(line) if not any(harmless(value) for harmless in _HARMLESS)}
    if not secrets:
        return line
    longest_first = sorted(secrets, key=lambda value: (-len(value), value))
    return re.sub("|".join(map(re.escape, longest_first)), "<SECRET>", line)


def _values(line: str) -> Iterator[str]:
    """Yield every value of a line that may be secret."""
    for start in range(0, max(1, len(line) - OVERLAP_CHARS), WINDOW_CHARS - OVERLAP_CHARS):
        piece = line[start : start + WINDOW_CHARS]
        for detector in _DETECTORS:
            yield from detector.analyze_string(piece)
        for pattern, group in KEYWORDS.items():
            yield from (match[group] for match in pattern.finditer(piece))
