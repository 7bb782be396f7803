"""The data contract: every table, declared once.

In: nothing. Out: `TABLES`, by name what each table is: its columns with type and meaning, what names a row,
how ids are made, which stages make it. All that other modules know of tables follows from that: the card, the
audit, `changes`, what may be published, what `--from` needs. A new table is one declaration and one stage.
"""

from builders.schema.declaration import Column, Table, Thing, Type, content_id, features_of
from builders.schema.tables import (
    CONVERSATIONS,
    MESSAGES,
    REFERENCE_COLUMNS,
    TABLES,
    ancestors,
    is_parent,
    parents,
    stages,
)

__all__ = [
    "CONVERSATIONS",
    "MESSAGES",
    "REFERENCE_COLUMNS",
    "TABLES",
    "Column",
    "Table",
    "Thing",
    "Type",
    "ancestors",
    "content_id",
    "features_of",
    "is_parent",
    "parents",
    "stages",
]
