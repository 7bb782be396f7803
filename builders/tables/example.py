"""An example row of a table, as instructive as possible.

In: a folder and a config. Out: a row. For conversations, it is one of those with most turns, one that ends
with a correct answer if there is any; for other tables, it is the first row.
Tested in tests/hub/card/test_card.py.
"""

from typing import Any

import pyarrow.parquet as pq

from builders.tables.folder import Folder


def example_row(folder: Folder, config: str) -> dict[str, Any] | None:
    """Return a whole row of the first file, None if the config has no rows."""
    for file in folder.files(config):
        names = pq.read_schema(file).names
        index = 0
        if "statuses" in names:
            column = pq.read_table(file, columns=["statuses"])["statuses"].to_pylist()
            by_row = [statuses or [""] for statuses in column]
            index = max(range(len(by_row)), key=lambda i: (len(by_row[i]), by_row[i][-1] == "correct"))
        row: dict[str, Any] = pq.read_table(file).slice(index, 1).to_pylist()[0]
        return row
    return None
