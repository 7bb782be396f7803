"""Licences and secrets: a row has the licence of what it was made of, and may be published.

Whether rows may be published is looked at where they have been; for a folder that was built here,
`codeio publish` decides.

Not covered: what `hub.rights.excluded` does not look for.
Tested in tests/hub/audit/test_audit.py.
"""

from collections.abc import Iterator

from builders.masking import PrivateKeyFound, masked
from builders.schema import TABLES, Table, parents
from hub.audit.case import Case
from hub.audit.untrusted import iterated, row_id
from hub.rights.excluded import Exclusions
from hub.rights.licences import may_be_published


def check(case: Case) -> None:
    """Look at every licence, and at every text where it stands first."""
    licensed = [config for config, rows in case.tables.rows.items() if "license" in rows.features]
    n_rows = sum(len(case.tables.rows[config]) for config in licensed)
    with case.looking("licences", n_rows) as advance:
        for config in licensed:
            _inherited(case, config)
            advance(len(case.tables.rows[config]))
        if not case.is_published:
            case.leaves_out("licences and secrets: whether rows may be published (publishing decides)")
        elif case.tables.broken:
            case.leaves_out("licences and secrets: whether rows may be published; tables are not whole")
        else:
            _withheld(case)


def _inherited(case: Case, config: str) -> None:
    """Compare with what rows are made of; without that at hand, a licence must do by itself."""
    column, expected = _licences_above(case, TABLES[config])
    # Files and functions: told by `_withheld`.
    is_alone = case.is_published and not column and TABLES[config].is_split
    for row in iterated(case.tables.rows[config]):
        if column and row[column] in expected:
            if row["license"] != expected[row[column]]:
                detail = f"has the licence {row['license']}, and is made of what has {expected[row[column]]}"
                case.found("licences", config, row_id(config, row), detail)
        elif is_alone and not may_be_published(row["license"], case.facts.allowed):
            detail = f"may not be published under {row['license']}"
            case.found("licences", config, row_id(config, row), detail)


def _licences_above(case: Case, table: Table) -> tuple[str, dict[str, str | None]]:
    """Return the column that names what rows are made of, and the licences of that; "" if none are known."""
    at_hand = [parent for parent in parents(table) if parent.name in case.tables.rows]
    for parent in sorted(at_hand, key=lambda parent: "license" not in parent.columns):
        rows, own = case.tables.rows[parent.name], parent.key[0]
        if "license" in parent.columns:
            return own, {row[own]: row["license"] for row in iterated(rows, own, "license")}
        column, known = _licences_above(case, parent)
        if column:
            named = iterated(rows, own, column)
            return own, {row[own]: known[row[column]] for row in named if row[column] in known}
    return "", {}


def _withheld(case: Case) -> None:
    """What `codeio publish` would have left out."""
    for left in Exclusions(case.folder, case.facts.allowed).left:
        if left.config == "dropped" and left.reason == "no_licence" and "raw_code" not in case.tables.rows:
            continue
        case.found("licences", left.config, left.row_id, f"{left.reason}: {left.detail}")
    for config, rows in case.tables.rows.items():
        columns = [
            name
            for name, column in TABLES[config].columns.items()
            if column.repeats and column.repeats not in case.tables.rows
        ]
        for row in iterated(rows) if columns else ():
            if not all(map(_is_clean, _texts(row, columns))):
                detail = "secret: holds what looks like a credential or an e-mail address"
                case.found("licences", config, row_id(config, row), detail)


def _texts(row: dict[str, object], columns: list[str]) -> Iterator[str]:
    for column in columns:
        value = row[column]
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            yield from (message["content"] or "" for message in value if message)


def _is_clean(text: str) -> bool:
    try:
        return masked(text) == text
    except PrivateKeyFound:
        return False
