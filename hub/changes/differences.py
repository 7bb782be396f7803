"""The result of comparing two versions: plain records, for people (`changelog`) and for programs.

Not covered: the comparison itself (`compare`).
"""

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

from hub.changes.lineage import Why

Change = Literal["added", "removed", "regraded", "changed", "moved"]


@dataclass(frozen=True)
class Group:
    """Rows of a table that changed in the same way. What `why` holds depends on the change.

    added, removed: the level of the topmost thing that the other version lacks (`file`, `function`, `pair`,
    `task`, `sample`, `turn`); or `dropped`, with the stage and the reason, if the other version dropped it;
    `table` if it has no such table; `request` for an answer to another request; or `row`.
    regraded: the old and the new status. changed: the columns that differ. moved: the old and the new split.
    """

    change: Change
    why: Why
    n_rows: int
    examples: tuple[str, ...]
    """The keys of the first rows; the parts of a key are joined by a slash."""


@dataclass(frozen=True)
class TableChanges:
    """A table in two versions: its numbers of rows, the rows that changed, and the columns that differ."""

    n_old: int
    n_new: int
    n_unchanged: int
    groups: tuple[Group, ...]
    columns_added: tuple[str, ...]
    columns_removed: tuple[str, ...]
    columns_retyped: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.groups or self.columns_added or self.columns_removed or self.columns_retyped)

    def n(self, change: Change) -> int:
        """Return how many rows have this kind of change."""
        return sum(group.n_rows for group in self.groups if group.change == change)


@dataclass(frozen=True)
class Difference:
    """A difference in how the versions were made; a value is None if the version does not record it."""

    what: str
    old: Any
    new: Any


@dataclass(frozen=True)
class Changes:
    """All changes between two versions; false if there are none. `tables` has those of either version."""

    old: str
    new: str
    tables: dict[str, TableChanges]
    made_differently: tuple[Difference, ...]

    def __bool__(self) -> bool:
        return bool(self.made_differently or any(self.tables.values()))

    def to_json(self) -> dict[str, Any]:
        """Return the changes as plain JSON values."""
        values: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return values
