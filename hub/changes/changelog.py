"""The changes between two versions in words: for the terminal, and for the changelog of a dataset's card.

In: `Changes`. Out: a rich renderable, or Markdown. Names, reasons and settings come from the tables, which a
stranger may have written: control characters are spelled out, and markup is escaped in Markdown.

Not covered: the rows themselves (`compare.changed_rows`), and the same for programs (`Changes.to_json`).
"""

import json
from collections.abc import Iterator
from typing import Any, get_args

from rich.console import Group as Lines
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from hub.changes.differences import Change, Changes, Difference, Group, TableChanges
from hub.changes.lineage import levels
from hub.escaping import markdown_line, printable

MOST_GROUPS = 8
"""The most groups shown of a table and kind of change; the rest is summed up."""
MOST_CHARS = 100
_CHANGES: tuple[Change, ...] = get_args(Change)
_OTHER_REASONS = {
    "request": "from a different request",
    "row": "made of things that both have",
    "table": "the other version has no such table",
}


def rendered(changes: Changes) -> RenderableType:
    """Return, for a terminal: counts by table, groups of rows with an example, and settings that differ."""
    parts: list[RenderableType] = [Text(f"{_shown(changes.old)} → {_shown(changes.new)}", style="bold")]
    if not changes:
        return Lines(*parts, Text("Nothing differs."))
    counts = Table("table", "old", "new", *_CHANGES, "unchanged", title="Rows", title_justify="left")
    why = Table("table", "change", "why", "rows", "such as", title="Why", title_justify="left")
    for config, table in changes.tables.items():
        counts.add_row(config, *(Text(count) for count in _counts(table)))
        for group, reason in _groups(table):
            example = Text(_shown(next(iter(group.examples), "")))
            why.add_row(config, group.change, Text(reason), f"{group.n_rows:,}", example)
    parts.append(counts)
    if why.row_count:
        parts.append(why)
    parts += [Text(line) for line in _columns(changes)]
    if changes.made_differently:
        made = Table("what", "old", "new", title="Made differently", title_justify="left")
        for difference in changes.made_differently:
            made.add_row(*(Text(cell) for cell in _cells(difference)))
        parts.append(made)
    return Lines(*parts)


def markdown(changes: Changes) -> str:
    """Return, in Markdown: a heading, counts by table, and a list of the reasons; ends with a newline."""
    lines = [f"Compared with {_escaped(changes.old)}:"]
    if not changes:
        return lines[0] + " nothing differs.\n"
    lines += ["", "| table | old | new | " + " | ".join(_CHANGES) + " | unchanged |", "|---" * 9 + "|"]
    lines += [f"| {config} | {' | '.join(_counts(table))} |" for config, table in changes.tables.items()]
    lines.append("")
    for config, table in changes.tables.items():
        by_change: dict[str, list[str]] = {}
        for group, reason in _groups(table):
            by_change.setdefault(group.change, []).append(f"{_escaped(reason)} ({group.n_rows:,})")
        lines += [f"- {config}, {change}: {'; '.join(groups)}" for change, groups in by_change.items()]
    lines += [f"- {_escaped(line)}" for line in _columns(changes)]
    for difference in changes.made_differently:
        what, old, new = map(_escaped, _cells(difference))
        lines.append(f"- made differently, {what}: {old} → {new}")
    return "\n".join(lines) + "\n"


def reason_text(group: Group) -> str:
    """Return the reason of a group in words."""
    if group.change in ("regraded", "moved"):
        return " → ".join(group.why)
    if group.change == "changed":
        return "in " + ", ".join(group.why)
    kind, *detail = group.why
    if kind == "dropped":
        stage, reason = detail
        return f"dropped {'before' if group.change == 'added' else 'now'} by {stage}: {reason}"
    if thing := levels().get(kind):
        return f"new {thing.noun}" if group.change == "added" else f"{thing.noun} gone"
    return _OTHER_REASONS[kind]


def _groups(table: TableChanges) -> Iterator[tuple[Group, str]]:
    """Yield the groups to show, with their reasons in words; the smallest ones of a kind are summed up."""
    for change in _CHANGES:
        groups = [group for group in table.groups if group.change == change]
        yield from ((group, _shown(reason_text(group))) for group in groups[:MOST_GROUPS])
        if rest := groups[MOST_GROUPS:]:
            n_rows = sum(group.n_rows for group in rest)
            yield Group(change, (), n_rows, ()), f"in {len(rest)} more ways"


def _counts(table: TableChanges) -> list[str]:
    counts = [table.n_old, table.n_new, *map(table.n, _CHANGES), table.n_unchanged]
    return [f"{count:,}" if count else "" for count in counts]


def _columns(changes: Changes) -> Iterator[str]:
    for config, table in changes.tables.items():
        for what in ("added", "removed", "retyped"):
            if columns := getattr(table, f"columns_{what}"):
                yield f"{config}: columns {what}: {', '.join(map(_shown, columns))}"


def _cells(difference: Difference) -> tuple[str, str, str]:
    """Return what differs, the old value and the new one, as cells of a table."""
    return _shown(difference.what), _value(difference.old), _value(difference.new)


def _value(value: Any) -> str:
    if value is None:
        return "not recorded"
    return _shown(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _shown(text: str) -> str:
    return printable(text, MOST_CHARS)


def _escaped(text: str) -> str:
    return markdown_line(_shown(text))
