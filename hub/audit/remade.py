"""Stored rows beside the same rows made again.

In: a stored table, and rows as a stage makes them now. Out: what differs, in words, and the stored rows that
nothing makes.
Tested in tests/hub/audit/test_audit.py.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from datasets import Dataset

from builders.stage import Row
from hub.audit.untrusted import iterated

_SHOWN_CHARS = 60
Key = tuple[Any, ...]


class Stored:
    """A table by its key; rows that were compared once are crossed off."""

    def __init__(self, rows: Dataset, key: Sequence[str]) -> None:
        self._rows = rows.with_format("arrow")
        self._key = tuple(key)
        self._at: dict[Key, int] = {}
        self._repeated: list[Key] = []
        for index, row in enumerate(iterated(rows, *key)):
            if self._at.setdefault(self._of(row), index) != index:
                self._repeated.append(self._of(row))

    def has(self, row: Row) -> bool:
        """Whether a row with this one's key is there to be compared."""
        return self._of(row) in self._at

    def differences(self, remade: Sequence[Row], but: Collection[str] = ()) -> Iterator[tuple[Row, str]]:
        """Those of `remade` that stand otherwise or not at all, and how; of columns `but` these."""
        positions = [self._at.pop(self._of(row), None) for row in remade]
        there = [position for position in positions if position is not None]
        stored = iter(self._rows[there].to_pylist() if there else ())
        for row, position in zip(remade, positions, strict=True):
            if position is None:
                yield row, "is not there, and follows from the other tables"
                continue
            one = next(stored)
            differing = [name for name in row if name not in but and one[name] != row[name]]
            if differing:
                yield row, "; ".join(_told(name, one[name], row[name]) for name in differing)

    def left(self) -> Iterator[Key]:
        """The keys of rows that were not compared."""
        yield from self._at
        yield from self._repeated

    def _of(self, row: Row) -> Key:
        return tuple(row[column] for column in self._key)


def _told(column: str, stored: Any, remade: Any) -> str:
    texts = [value if isinstance(value, str) else repr(value) for value in (stored, remade)]
    if max(map(len, texts)) <= _SHOWN_CHARS:
        return f"{column} is {texts[0]}, and should be {texts[1]}"
    if isinstance(stored, str) and isinstance(remade, str):
        pairs = enumerate(zip(stored, remade, strict=False))
        place = next((i for i, (a, b) in pairs if a != b), min(len(stored), len(remade)))
        return f"{column} is not as it should be from character {place + 1} on"
    return f"{column} is not as it should be"
