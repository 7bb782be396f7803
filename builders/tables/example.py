"""One row of a table to read, the most instructive at hand.

In: a folder and a config. Out: a row; of conversations one with most turns that ends well, else the first.
Tested in tests/hub/card/test_card.py.
"""

from typing import Any

import pyarrow.parquet as pq

from builders.tables.folder import Folder


def example(folder: Folder, config: str) -> dict[str, Any] | None:
    """A whole row, None where the config has none. Only the first file is looked at."""
    for file in folder.files(config):
        names = pq.read_schema(file).names
        index = 0
        if "statuses" in names:
            column = pq.read_table(file, columns=["statuses"])["statuses"].to_pylist()
            ends = [statuses or [""] for statuses in column]
            index = max(range(len(ends)), key=lambda i: (len(ends[i]), ends[i][-1] == "correct"))
        row: dict[str, Any] = pq.read_table(file).slice(index, 1).to_pylist()[0]
        return row
    return None
