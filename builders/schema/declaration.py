"""The parts of a table's declaration, and what can be derived from one declaration alone.

Not covered: the tables themselves, and how they refer to each other (`tables`).
Tested in tests/stories/test_a_new_table.py.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from builders.verifier import canonical

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Features

Type: TypeAlias = "str | Sequence[Type] | Mapping[str, Type]"
"""The type of a value: Arrow's name for it, `[type]` for a list, `{name: type}` for an object."""


@dataclass(frozen=True)
class Column:
    """A column of a table: the type of its values, and what they mean."""

    type: Type
    meaning: str
    required: bool = False
    """Whether every row must have a value here; the columns of a unique key are always required."""
    is_json: bool = False
    """Whether the text must be canonical JSON; a row that breaks this cannot be used."""
    searched: bool = False
    """Whether this is where text of files or models is first stored.

    Such text is searched for credentials and e-mail addresses.
    """
    repeats: str | None = None
    """The table that stores its text first; the text is searched here only if that table is missing."""


@dataclass(frozen=True)
class Thing:
    """Something that rows are made of: a file, a function, a pair, a task, a sample or a turn.

    If a version of a dataset lacks it, that explains why rows made of it are missing.
    """

    name: str
    columns: tuple[str, ...]
    """The columns that identify it."""
    made_by: str
    """The stage that makes it; rows dropped by this stage have the id of the thing, or of its parent."""
    noun: str
    """The word for it in reports."""


@dataclass(frozen=True)
class Table:
    """The declaration of a table.

    A column named like the id column of another table refers to a row there; that table is a parent.
    """

    name: str
    row: str
    """What a row is, in words."""
    columns: Mapping[str, Column]
    key: tuple[str, ...]
    """The columns that identify a row."""
    made_by: tuple[str, ...]
    """The stages that make its rows, or drop some before they are made, in order."""
    kind: str = ""
    hashed: tuple[str, ...] = ()
    """The values whose hash is a row's id (`content_id` with `kind`); empty if rows have no id."""
    things: tuple[Thing, ...] = ()
    """The things that its rows stand for and that other rows are made of, the containing one first."""
    grade: str | None = None
    """The column with the grade of a row: its status, or the reason why it was dropped."""
    is_unique: bool = True
    """Whether a key identifies one row, and rows without a required value are refused."""

    @property
    def types(self) -> dict[str, Type]:
        """The type of each column."""
        return {name: column.type for name, column in self.columns.items()}

    @cached_property
    def features(self) -> "Features":
        """The columns as features of `datasets`."""
        return features_of(self.types)

    @cached_property
    def schema(self) -> "pa.Schema":
        """The columns as a schema of Arrow."""
        schema: pa.Schema = self.features.arrow_schema
        return schema

    @property
    def required(self) -> list[str]:
        """The columns in which every row must have a value."""
        key = self.key if self.is_unique else ()
        return [name for name, column in self.columns.items() if column.required or name in key]

    @property
    def id_column(self) -> str | None:
        """The column with the id of a row; None if rows have no id of their own."""
        return self.key[0] if self.hashed else None

    def id(self, row: Mapping[str, Any]) -> str:
        """Return the id of a row, a hash of the values named in `hashed`."""
        return content_id(self.kind, *(row[name] for name in self.hashed))

    @property
    def is_split(self) -> bool:
        """Whether its rows are split into train and test: true of tasks, and of rows made of tasks."""
        return "task_id" in self.columns


def features_of(types: Mapping[str, Type]) -> "Features":
    """Return the features of `datasets` for columns of these types."""
    from datasets import Features  # here because the import takes a second

    return Features({name: _feature(kind) for name, kind in types.items()})


def content_id(kind: str, *fields: object) -> str:
    """Return the id of these fields (JSON values): 16 hex digits, the same on every machine."""
    return hashlib.sha256(canonical([kind, *fields]).encode()).hexdigest()[:16]


def _feature(kind: Type) -> Any:
    from datasets import List, Value

    if isinstance(kind, str):
        return Value(kind)
    if isinstance(kind, Mapping):
        return {name: _feature(part) for name, part in kind.items()}
    return List(_feature(kind[0]))
