"""The verifier as users import it: `from hub.verifier import extract, verify`.

It stands in `builders.verifier`, whose text ships with every dataset.
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
