"""A dataset under audit: its tables, what is known of them, where code runs, and what was found so far.

Each check is a function of a `Case`. It says how many rows it looks at (`looking`), what does not hold
(`found`) and what it could not look at (`leaves_out`).
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
from builders.tables.joins import Joined
from hub.audit.facts import Facts
from hub.audit.report import Finding
from hub.audit.untrusted import Tables, iterated


@dataclass
class Case:
    """One audit; `sample`: how many pairs and turns are run again, all of them without."""

    folder: Folder
    facts: Facts
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

    def found(self, check: str, config: str, row_id: str, detail: str) -> None:
        """Something does not hold."""
        self.findings.append(Finding(check, config, row_id, detail))

    def leaves_out(self, what: str) -> None:
        """Something could not be looked at."""
        if what not in self.not_checked:
            self.not_checked.append(what)

    def lacks(self, check: str, *configs: str) -> bool:
        """Whether one of the tables that a check needs is not at hand; says so in the report."""
        absent = [config for config in configs if config not in self.tables.rows]
        for config in absent:
            why = "cannot be read whole" if config in self.tables.broken else "is not part of it"
            self.leaves_out(f"{check}: the table {config} {why}")
        return bool(absent)

    @contextmanager
    def looking(self, check: str, n_rows: int, of: int | None = None) -> Iterator[Callable[[float], None]]:
        """A check at work on some rows `of` so many; what is yielded is called with the rows done."""
        meter = Meter(check, n_rows, None)
        n_before = len(self.findings)
        self.observer.begins(meter)
        yield meter.advance
        n_failing = min(n_rows, len(self.findings) - n_before)
        self.observer.ends(meter, n_rows - n_failing, n_failing)
        self.checked[check] = (n_rows, n_rows if of is None else of)

    def sampled(self, joined: Joined, column: str) -> Joined:
        """The rows to run again: those whose ids have the lowest hashes, by the seed."""
        if self.sample is None or self.sample >= len(joined):
            return joined
        ids = [row[column] for row in iterated(joined.left, column)]
        lowest = heapq.nsmallest(self.sample, range(len(ids)), key=lambda index: self._lot(ids[index]))
        return Joined(joined.left.select(sorted(lowest)), joined.parents, joined.children)

    def _lot(self, name: str) -> bytes:
        return hashlib.sha256(f"{self.seed}:{name}".encode()).digest()
