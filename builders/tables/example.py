"""An example row of a table, for its card and the summary.

In: a folder and a config. Out: a row. For conversations it is one with the most turns, and of these one that
ends with a correct answer if possible; for other tables it is the first row.
Tested in tests/hub/card/test_card.py.
"""

from typing import Any

import pyarrow.parquet as pq

from builders.tables.folder import Folder


def example_row(folder: Folder, config: str) -> dict[str, Any] | None:
    """Return a row of the config's first file with all columns; None if the config has no rows."""
    for file in folder.files(config):
        names = pq.read_schema(file).names
        index = 0
        if "statuses" in names:
            column = pq.read_table(file, columns=["statuses"])["statuses"].to_pylist()
            conversations = [statuses or [""] for statuses in column]
            index = max(
                range(len(conversations)),
                key=lambda i: (len(conversations[i]), conversations[i][-1] == "correct"),
            )
        row: dict[str, Any] = pq.read_table(file).slice(index, 1).to_pylist()[0]
        return row
    return None
