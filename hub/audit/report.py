"""The result of an audit: how many rows were checked, what does not hold, and what could not be checked.

In: findings, whose ids and details hold strangers' text. Out: tables for a terminal, or JSON. The terminal
shows control characters in such text as escapes, and never reads the text as markup.
Tested in tests/hub/audit/test_audit.py.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from hub.escaping import printable

MOST_SHOWN = 50
MOST_CHARS = 300


@dataclass(frozen=True)
class Finding:
    """Something that does not hold: the check that found it, and the row, empty if there are several."""

    check: str
    config: str
    row_id: str
    detail: str


@dataclass(frozen=True)
class Report:
    """The report of an audit; `checked` has for each check the number of rows checked and in all."""

    name: str
    checked: dict[str, tuple[int, int]]
    findings: list[Finding]
    not_checked: list[str]

    @property
    def holds(self) -> bool:
        """Whether there are no findings."""
        return not self.findings

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        return {**asdict(self), "holds": self.holds}


def rendered(report: Report) -> RenderableType:
    """Return the report for a terminal: counts, then the first findings, then what was not checked."""
    return Group(_counts(report), *_failures(report), *_gaps(report), _end(report))


def _counts(report: Report) -> Table:
    failing = Counter(finding.check for finding in report.findings)
    title = Text(f"Audit of {printable(report.name, MOST_CHARS)}")
    table = Table("check", "checked", "findings", title=title, title_justify="left")
    for check, (n_rows, n_in_all) in report.checked.items():
        rows = f"{n_rows:,}" if n_rows == n_in_all else f"{n_rows:,} of {n_in_all:,}"
        table.add_row(check, rows, Text(f"{failing[check]:,}", "bold red" if failing[check] else ""))
    return table


def _failures(report: Report) -> Iterator[RenderableType]:
    if not report.findings:
        return
    table = Table("check", "table", Column("row", overflow="fold"), Column("finding", overflow="fold"))
    for finding in report.findings[:MOST_SHOWN]:
        table.add_row(*(Text(printable(text, MOST_CHARS)) for text in asdict(finding).values()))
    yield table
    if (n_more := len(report.findings) - MOST_SHOWN) > 0:
        yield Text(f"and {n_more:,} more; --json lists all of them")


def _gaps(report: Report) -> Iterator[RenderableType]:
    if report.not_checked:
        yield Text("Not checked:")
        yield from (Text(f"  {printable(text, MOST_CHARS)}") for text in report.not_checked)


def _end(report: Report) -> Text:
    if report.holds:
        return Text("Everything that was checked holds.", "bold green")
    return Text(f"Findings: {len(report.findings):,}.", "bold red")
