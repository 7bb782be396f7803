"""Content-defined chunking: the content of a table decides where it is cut into files.

In: the keys of a table's rows, in order. Out: the range of rows of each file. Whether a file ends at a row
depends only on the hash of its key and on the rows just before it, so adding or removing rows elsewhere moves
no other cut. If a table grows, most of its files stay the same, byte for byte, and need no upload.
"""

import hashlib
from collections.abc import Iterable

ROWS = 4096
"""The average number of rows of a file."""
MIN_ROWS, MAX_ROWS = ROWS // 4, ROWS * 4


def ranges(keys: Iterable[str]) -> list[range]:
    """Return the range of rows of each file, in order; no range if there are no rows."""
    files, start, stop = [], 0, 0
    for stop, key in enumerate(keys, 1):
        n_rows = stop - start
        if n_rows >= MAX_ROWS or (n_rows >= MIN_ROWS and _ends_a_file(key)):
            files.append(range(start, stop))
            start = stop
    if stop > start:
        files.append(range(start, stop))
    return files


def _ends_a_file(key: str) -> bool:
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) % (ROWS - MIN_ROWS) == 0
