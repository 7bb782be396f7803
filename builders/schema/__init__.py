"""The data contract: every table, declared once.

In: nothing. Out: `TABLES`, the declaration of each table by name: its columns with type and meaning, its key,
how ids are made, and the stages that make it. Everything that other modules know about tables is derived from
this: the card, the audit, `changes`, what may be published, what `--from` needs. A new table needs only a
declaration and a stage.
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
