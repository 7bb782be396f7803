"""A dataset under audit: its tables, what they are expected to hold, the sandbox, and the findings so far.

Each check is a function of a `Case`. It reports how many rows it checks (`checking`), what does not
hold (`add_finding`) and what it could not check (`add_unchecked`).
Tested in tests/hub/audit/test_audit.py.
"""

import hashlib
import heapq
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from builders.execution import Prover, Sandbox
from builders.running.observer import Observer
from builders.running.telemetry import Meter
from builders.tables.folder import Folder
from builders.tables.joins import LazyJoin
from hub.audit.expectations import Expectations
from hub.audit.report import Finding
from hub.audit.untrusted import Tables, iterated


@dataclass
class Case:
    """One audit; `sample` is the number of pairs, and of turns, to run again, None for all of them."""

    folder: Folder
    expectations: Expectations
    is_published: bool
    sandbox: Sandbox
    prover: Prover
    observer: Observer
    sample: int | None
    seed: int
    tables: Tables = field(init=False)
    prompts_are_ours: bool = True
    checked: dict[str, tuple[int, int]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    not_checked: list[str] = field(default_factory=list)

    def add_finding(self, check: str, config: str, row_id: str, detail: str) -> None:
        """Report something that does not hold."""
        self.findings.append(Finding(check, config, row_id, detail))

    def add_unchecked(self, what: str) -> None:
        """Report something that could not be checked."""
        if what not in self.not_checked:
            self.not_checked.append(what)

    def lacks(self, check: str, *configs: str) -> bool:
        """Return whether a table that a check needs is missing or unreadable, and report each that is."""
        absent = [config for config in configs if config not in self.tables.rows]
        for config in absent:
            why = "could not be read completely" if config in self.tables.broken else "is not in the dataset"
            self.add_unchecked(f"{check}: the table {config} {why}")
        return bool(absent)

    @contextmanager
    def checking(
        self, check: str, n_rows: int, n_in_all: int | None = None
    ) -> Iterator[Callable[[float], None]]:
        """Record a check of `n_rows` out of `n_in_all` rows; yield a callable that takes the rows done."""
        meter = Meter(check, n_rows, None)
        n_before = len(self.findings)
        self.observer.on_start(meter)
        yield meter.advance
        n_failing = min(n_rows, len(self.findings) - n_before)
        self.observer.on_end(meter, n_rows - n_failing, n_failing)
        self.checked[check] = (n_rows, n_rows if n_in_all is None else n_in_all)

    def sampled(self, joined: LazyJoin, column: str) -> LazyJoin:
        """Return the rows to run again: those whose ids in `column` have the lowest hashes with the seed."""
        if self.sample is None or self.sample >= len(joined):
            return joined
        ids = [row[column] for row in iterated(joined.left, column)]
        lowest = heapq.nsmallest(self.sample, range(len(ids)), key=lambda index: self._rank(ids[index]))
        return LazyJoin(joined.left.select(sorted(lowest)), joined.parents, joined.children)

    def _rank(self, row_id: str) -> bytes:
        return hashlib.sha256(f"{self.seed}:{row_id}".encode()).digest()
