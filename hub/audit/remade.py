"""The comparison of stored rows with the same rows made again.

In: a stored table, and rows as a stage makes them now. Out: the differences in words, and the stored rows
that no stage makes.
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
    """A table by its key; each row is compared once."""

    def __init__(self, rows: Dataset, key: Sequence[str]) -> None:
        self._rows = rows.with_format("arrow")
        self._key_columns = tuple(key)
        self._index_of: dict[Key, int] = {}
        self._repeated: list[Key] = []
        for index, row in enumerate(iterated(rows, *key)):
            if self._index_of.setdefault(self._key(row), index) != index:
                self._repeated.append(self._key(row))

    def has(self, row: Row) -> bool:
        """Return whether a row with the same key is stored and not compared yet."""
        return self._key(row) in self._index_of

    def differences(
        self, remade: Sequence[Row], not_compared: Collection[str] = ()
    ) -> Iterator[tuple[Row, str]]:
        """Yield each remade row that is stored differently or not at all, with the difference in words."""
        positions = [self._index_of.pop(self._key(row), None) for row in remade]
        present = [position for position in positions if position is not None]
        stored_rows = iter(self._rows[present].to_pylist() if present else ())
        for row, position in zip(remade, positions, strict=True):
            if position is None:
                yield row, "is missing, but follows from the other tables"
                continue
            stored = next(stored_rows)
            differing = [name for name in row if name not in not_compared and stored[name] != row[name]]
            if differing:
                yield row, "; ".join(_difference(name, stored[name], row[name]) for name in differing)

    def unmatched(self) -> Iterator[Key]:
        """Yield the keys of rows that were not compared."""
        yield from self._index_of
        yield from self._repeated

    def _key(self, row: Row) -> Key:
        return tuple(row[column] for column in self._key_columns)


def _difference(column: str, stored: Any, remade: Any) -> str:
    texts = [value if isinstance(value, str) else repr(value) for value in (stored, remade)]
    if max(map(len, texts)) <= _SHOWN_CHARS:
        return f"{column} is {texts[0]}, but should be {texts[1]}"
    if isinstance(stored, str) and isinstance(remade, str):
        pairs = enumerate(zip(stored, remade, strict=False))
        place = next((i for i, (a, b) in pairs if a != b), min(len(stored), len(remade)))
        return f"{column} is wrong from character {place + 1} on"
    return f"{column} is not what it should be"
