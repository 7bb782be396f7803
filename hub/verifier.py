"""The verifier, for users: `from hub.verifier import extract, verify`.

The code is in `builders.verifier`; that file ships with every dataset.

Example:
    >>> from hub.verifier import extract, verify
    >>> prediction = extract('It doubles n, so the answer is {"output": 14}.', "output")
    >>> verify("output", prediction, '{"n":7}', "14").status
    'correct'
    >>> verify("output", "15", '{"n":7}', "14").status
    'wrong'

Tested in tests/builders/test_verifier.py.
"""

from builders.verifier import (
    STATUSES,
    CanonicalError,
    Direction,
    Execution,
    Status,
    Verdict,
    canonical,
    decode,
    equal,
    extract,
    fits,
    loads,
    verify,
)

__all__ = [
    "STATUSES",
    "CanonicalError",
    "Direction",
    "Execution",
    "Status",
    "Verdict",
    "canonical",
    "decode",
    "equal",
    "extract",
    "fits",
    "loads",
    "verify",
]
