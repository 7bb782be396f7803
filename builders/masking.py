"""Credentials and e-mail addresses are masked before a file is hashed, stored or sent to a model.

In: source text. Out: the text with `<SECRET>` and `<EMAIL>` in their places. The patterns for credentials are
those of detect-secrets; entropy alone is no reason, since code is full of random-looking strings.

Not covered: secrets that look like ordinary words, and the body of a private key, which spans lines: a file
that holds one is refused (`PrivateKeyFound`).
"""

import re

from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
from detect_secrets.core.scan import scan_line
from detect_secrets.settings import transient_settings

_IMPRECISE = {"Base64HighEntropyString", "HexHighEntropyString", "IPPublicDetector"}
_PLUGINS = sorted(
    plugin.__name__
    for plugin in get_mapping_from_secret_type_to_class().values()
    if plugin.__name__ not in _IMPRECISE
)
# A matrix product such as `a@b.T` is no address: the last label must be a well-known top-level domain.
_EMAIL = re.compile(
    r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|edu|gov|mil|int|info|biz|io|dev|app|ai|me|co|[a-z]{2})\b",
    re.IGNORECASE,
)


class PrivateKeyFound(ValueError):
    """The text holds a private key."""


def masked(text: str) -> str:
    """Mask what must not leave the machine; raises PrivateKeyFound."""
    with transient_settings({"plugins_used": [{"name": plugin} for plugin in _PLUGINS]}):
        lines = [_masked_line(line) for line in text.splitlines(keepends=True)]
    return _EMAIL.sub("<EMAIL>", "".join(lines))


def _masked_line(line: str) -> str:
    for secret in scan_line(line):
        if secret.type == "Private Key":
            raise PrivateKeyFound("the file holds a private key")
        if secret.secret_value:
            line = line.replace(secret.secret_value, "<SECRET>")
    return line
