"""The layout of CodeI/O's own release: JSONL with prompt, turn_1, feedback_1, turn_2, feedback_2.

Their turn_1 is the first answer. Columns of turns that a conversation did not reach are null, and turns after
the second are left out, because the layout has no columns for them. Not covered: messages and statuses of
this project's own tables (see `trl`).
Tested in tests/hub/export/test_export.py.
"""

from builders.schema import REFERENCE_COLUMNS, TABLES
from hub.export.layout import Format, Layout, unchanged

FORMAT = Format(
    suffix=".jsonl",
    layouts=(
        Layout(
            "codeio_pp",
            REFERENCE_COLUMNS,
            {column: TABLES["codeio_pp"].types[column] for column in REFERENCE_COLUMNS},
            unchanged,
        ),
    ),
)
