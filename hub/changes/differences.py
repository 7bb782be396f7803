"""What a comparison of two versions found: plain records, for people (`changelog`) and programs.

Not covered: how it was found (`changes`).
Tested in tests/hub/changes/test_compare.py.
"""

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

from hub.changes.lineage import Why

Change = Literal["added", "removed", "regraded", "changed", "moved"]


@dataclass(frozen=True)
class Group:
    """Rows of a table that changed alike; `why` says how.

    added, removed: the level of the topmost thing that the other version lacks (`file`, `function`, `pair`,
    `task`, `sample`, `turn`); `dropped` with the stage and reason by which the other version lost it; `table`
    where that has no such table; `request` for an answer to another request; or `row`.
    regraded: the old status and the new. changed: the columns that differ. moved: the old split and the new.
    """

    change: Change
    why: Why
    n_rows: int
    examples: tuple[str, ...]
    """Keys of the first ones; the parts of a key have a / between."""


@dataclass(frozen=True)
class TableChanges:
    """A table in both versions: its numbers of rows, those that changed, columns that are not the same."""

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
        """How many rows changed like this."""
        return sum(group.n_rows for group in self.groups if group.change == change)


@dataclass(frozen=True)
class Difference:
    """Something about how they were made; None where a version does not tell."""

    what: str
    old: Any
    new: Any


@dataclass(frozen=True)
class Changes:
    """What differs: false where nothing does. `tables` has each table that either version has."""

    old: str
    new: str
    tables: dict[str, TableChanges]
    made_differently: tuple[Difference, ...]

    def __bool__(self) -> bool:
        return bool(self.made_differently or any(self.tables.values()))

    def as_json(self) -> dict[str, Any]:
        """The same in plain JSON values."""
        found: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return found
