"""What a declaration of a table says, and what follows from it alone.

Not covered: which tables there are, and how they hang together (`tables`).
Tested in tests/stories/test_a_new_table.py.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from builders.verifier import canonical

if TYPE_CHECKING:
    from datasets import Features

Type: TypeAlias = "str | Sequence[Type] | Mapping[str, Type]"
"""Of a value: Arrow's name for it, `[type]` for a list, `{name: type}` for an object."""


@dataclass(frozen=True)
class Column:
    """A column of a table: the type of its values, and what they mean."""

    type: Type
    meaning: str
    required: bool = False
    """No row can do without it, as none can without the columns of its key."""
    is_json: bool = False
    """A row whose text is not canonical JSON is of no use."""
    searched: bool = False
    """Text of files or models stands here first: it is searched for credentials and e-mail addresses."""
    repeats: str | None = None
    """The table in which its text stands first; without that table at hand, the text is searched here."""


@dataclass(frozen=True)
class Thing:
    """Something that rows are made of; where a version lacks it, it lacks these rows for that reason."""

    name: str
    columns: tuple[str, ...]
    """By which it is named."""
    made_by: str
    """The stage; what this drops, it names by the thing itself or by what that is made of."""
    noun: str
    """What people call it."""


@dataclass(frozen=True)
class Table:
    """A table: what a row of it is, and all that follows from that.

    A column with the name of another table's id names a row of that table, which is then a parent of this.
    """

    name: str
    row: str
    """What a row is."""
    columns: Mapping[str, Column]
    key: tuple[str, ...]
    """The columns that name a row."""
    made_by: tuple[str, ...]
    """The stages that make its rows or drop some on the way to them, in order."""
    kind: str = ""
    hashed: tuple[str, ...] = ()
    """The key is an id: the `content_id` of this kind, of the values with these names."""
    things: tuple[Thing, ...] = ()
    """What its rows are to those made of them, the larger thing first."""
    grade: str | None = None
    """The column that grades a row."""
    is_unique: bool = True
    """Whether its rows are all of one form, and no two have one key."""

    @property
    def types(self) -> dict[str, Type]:
        """The type of each column."""
        return {name: column.type for name, column in self.columns.items()}

    @cached_property
    def features(self) -> "Features":
        """The columns as `datasets` describes them."""
        return features_of(self.types)

    @property
    def required(self) -> list[str]:
        """The columns that no row can do without."""
        key = self.key if self.is_unique else ()
        return [name for name, column in self.columns.items() if column.required or name in key]

    @property
    def id_column(self) -> str | None:
        """The column of its ids; None where rows have none of their own."""
        return self.key[0] if self.hashed else None

    def id(self, row: Mapping[str, Any]) -> str:
        """Return the id of a row, made of its values."""
        return content_id(self.kind, *(row[name] for name in self.hashed))

    @property
    def is_split(self) -> bool:
        """Whether its rows stand in train or test: tasks do, and what is made of them."""
        return "task_id" in self.columns


def features_of(types: Mapping[str, Type]) -> "Features":
    """Return columns of these types as `datasets` describes them."""
    from datasets import Features  # here, since it takes a second

    return Features({name: _feature(kind) for name, kind in types.items()})


def content_id(kind: str, *fields: object) -> str:
    """Return 16 hex digits that stand for these fields (JSON values), the same on every machine."""
    return hashlib.sha256(canonical([kind, *fields]).encode()).hexdigest()[:16]


def _feature(kind: Type) -> Any:
    from datasets import List, Value

    if isinstance(kind, str):
        return Value(kind)
    if isinstance(kind, Mapping):
        return {name: _feature(part) for name, part in kind.items()}
    return List(_feature(kind[0]))
