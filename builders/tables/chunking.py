"""Where a table is cut into files: at rows that say so themselves.

In: the keys of a table's rows, in order. Out: the ranges of rows that make a file each. Whether a file ends
at a row is decided by the hash of its key and by the rows just before it, so rows that come or go elsewhere
move no other cut: of a grown table, most files are what they were, byte for byte, and are not uploaded again.
"""

import hashlib
from collections.abc import Iterable

ROWS = 4096
"""Of a file, on average."""
LEAST_ROWS, MOST_ROWS = ROWS // 4, ROWS * 4


def ranges(keys: Iterable[str]) -> list[range]:
    """The rows of each file, in order; none for a table without rows."""
    found, start, stop = [], 0, 0
    for stop, key in enumerate(keys, 1):
        n_rows = stop - start
        if n_rows >= MOST_ROWS or (n_rows >= LEAST_ROWS and _ends_a_file(key)):
            found.append(range(start, stop))
            start = stop
    if stop > start:
        found.append(range(start, stop))
    return found


def _ends_a_file(key: str) -> bool:
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) % (ROWS - LEAST_ROWS) == 0
