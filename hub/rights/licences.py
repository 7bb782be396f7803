"""Which licences allow a source file to be published, with everything that was made from it.

In: a file's licence as stated, an SPDX expression or any other text. Out: whether the file may be published.
Not covered: what a licence asks of those who publish, such as its text or the names of authors. The columns
`source`, `path` and `license` of each row say where to look.
"""

from collections.abc import Collection
from functools import lru_cache
from typing import Any

from license_expression import AND, OR, ExpressionError, LicenseWithExceptionSymbol, get_spdx_licensing

PERMISSIVE = frozenset(
    (
        *("0BSD", "AFL-3.0", "Apache-2.0", "BlueOak-1.0.0", "BSD-2-Clause", "BSD-3-Clause"),
        *("BSD-3-Clause-Clear", "BSL-1.0", "CC-BY-3.0", "CC-BY-4.0", "CC0-1.0", "ECL-2.0", "ISC", "MIT"),
        *("MIT-0", "MS-PL", "NCSA", "PostgreSQL", "PSF-2.0", "Python-2.0", "Unlicense", "UPL-1.0"),
        *("WTFPL", "X11", "Zlib"),
    )
)
"""SPDX ids of licences that ask only for attribution, or for nothing."""
MOST_CHARS = 1000
"""A longer expression counts as unknown: parsing it would take seconds, and no real file has one."""
_SPDX = get_spdx_licensing()


@lru_cache(maxsize=10_000)
def may_be_published(license: str | None, allowed: Collection[str] = PERMISSIVE) -> bool:
    """Return whether the expression allows an allowed licence; False if it is unknown or not SPDX."""
    try:
        expression = _SPDX.parse(license) if license and len(license) <= MOST_CHARS else None
    except ExpressionError:
        return False
    return expression is not None and _holds(expression, {name.lower() for name in allowed})


def spdx_ids(license: str | None) -> list[str]:
    """Return the SPDX ids in an expression; other text is returned as it is, and no text as `unknown`."""
    try:
        if license and len(license) <= MOST_CHARS:
            return [str(key) for key in _SPDX.license_keys(license)]
    except ExpressionError:
        pass
    return [license or "unknown"]


def _holds(expression: Any, allowed: Collection[str]) -> bool:
    """Return whether the allowed licences satisfy a parsed expression."""
    if isinstance(expression, OR):
        return any(_holds(part, allowed) for part in expression.args)
    if isinstance(expression, AND):
        return all(_holds(part, allowed) for part in expression.args)
    if isinstance(expression, LicenseWithExceptionSymbol):
        # An exception that SPDX lists only removes duties; others, such as Commons Clause, add some.
        if not expression.exception_symbol.is_exception:
            return False
        expression = expression.license_symbol
    return expression.key.lower() in allowed
