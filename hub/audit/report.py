"""What an audit comes to: how much was looked at, what does not hold, and what could not be looked at.

In: findings, whose ids and details hold text of strangers. Out: tables for a terminal, or JSON. On the
terminal such text is shown with its control characters spelled out, and none of it is read as markup.
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
    """Something that does not hold: which check says so, of which row (empty: of more than one)."""

    check: str
    config: str
    row_id: str
    detail: str


@dataclass(frozen=True)
class Report:
    """`checked`: for each check, of how many rows how many were looked at."""

    name: str
    checked: dict[str, tuple[int, int]]
    findings: list[Finding]
    not_checked: list[str]

    @property
    def holds(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def to_json(self) -> dict[str, Any]:
        """The same as JSON values."""
        return {**asdict(self), "holds": self.holds}


def rendered(report: Report) -> RenderableType:
    """The report for a terminal: counts, then the first rows that fail, then what was not checked."""
    return Group(_counts(report), *_failures(report), *_gaps(report), _end(report))


def _counts(report: Report) -> Table:
    failing = Counter(finding.check for finding in report.findings)
    title = Text(f"Audit of {printable(report.name, MOST_CHARS)}")
    table = Table("check", "looked at", "do not hold", title=title, title_justify="left")
    for check, (n_rows, of) in report.checked.items():
        looked_at = f"{n_rows:,}" if n_rows == of else f"{n_rows:,} of {of:,}"
        table.add_row(check, looked_at, Text(f"{failing[check]:,}", "bold red" if failing[check] else ""))
    return table


def _failures(report: Report) -> Iterator[RenderableType]:
    if not report.findings:
        return
    table = Table("check", "table", Column("row", overflow="fold"), Column("reason", overflow="fold"))
    for finding in report.findings[:MOST_SHOWN]:
        table.add_row(*(Text(printable(text, MOST_CHARS)) for text in asdict(finding).values()))
    yield table
    if (n_more := len(report.findings) - MOST_SHOWN) > 0:
        yield Text(f"and {n_more:,} more, all of them with --json")


def _gaps(report: Report) -> Iterator[RenderableType]:
    if report.not_checked:
        yield Text("Not checked:")
        yield from (Text(f"  {printable(text, MOST_CHARS)}") for text in report.not_checked)


def _end(report: Report) -> Text:
    if report.holds:
        return Text("All that was looked at holds.", "bold green")
    return Text(f"{len(report.findings):,} things do not hold.", "bold red")
