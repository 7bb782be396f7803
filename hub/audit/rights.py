"""Licences and secrets: a row has the licence of what it was made from, and may be published.

Whether rows may be published is checked only for data that was published; for a folder that was built here,
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
    """Check every licence, and search every text in the first table that holds it."""
    licensed = [config for config, rows in case.tables.rows.items() if "license" in rows.features]
    n_rows = sum(len(case.tables.rows[config]) for config in licensed)
    with case.checking("licences", n_rows) as advance:
        for config in licensed:
            _inherited(case, config)
            advance(len(case.tables.rows[config]))
        if not case.is_published:
            case.add_unchecked(
                "licences and secrets: whether rows may be published, which `codeio publish` decides"
            )
        elif case.tables.broken:
            case.add_unchecked(
                "licences and secrets: whether rows may be published, because tables could not be read"
            )
        else:
            _excluded(case)


def _inherited(case: Case, config: str) -> None:
    """Compare licences with those of the parents; if no parent is known, check the licence by itself."""
    column, expected = _licences_above(case, TABLES[config])
    # `_excluded` checks the licences of files and functions themselves.
    is_alone = case.is_published and not column and TABLES[config].is_split
    for row in iterated(case.tables.rows[config]):
        if column and row[column] in expected:
            if row["license"] != expected[row[column]]:
                parent_licence = expected[row[column]]
                detail = f"has the licence {row['license']}, but what it was made from has {parent_licence}"
                case.add_finding("licences", config, row_id(config, row), detail)
        elif is_alone and not may_be_published(row["license"], case.expectations.allowed):
            detail = f"may not be published under the licence {row['license']}"
            case.add_finding("licences", config, row_id(config, row), detail)


def _licences_above(case: Case, table: Table) -> tuple[str, dict[str, str | None]]:
    """Return the column that names a row's parent, and the parents' licences by id; "" if none are known."""
    present = [parent for parent in parents(table) if parent.name in case.tables.rows]
    for parent in sorted(present, key=lambda parent: "license" not in parent.columns):
        rows, id_column = case.tables.rows[parent.name], parent.key[0]
        if "license" in parent.columns:
            return id_column, {row[id_column]: row["license"] for row in iterated(rows, id_column, "license")}
        column, licences = _licences_above(case, parent)
        if column:
            named = iterated(rows, id_column, column)
            return id_column, {
                row[id_column]: licences[row[column]] for row in named if row[column] in licences
            }
    return "", {}


def _excluded(case: Case) -> None:
    """Report the rows that `codeio publish` would have excluded."""
    for exclusion in Exclusions(case.folder, case.expectations.allowed).excluded:
        is_unlicensed_file = exclusion.config == "dropped" and exclusion.reason == "no_licence"
        if is_unlicensed_file and "raw_code" not in case.tables.rows:
            continue
        detail = f"{exclusion.reason}: {exclusion.detail}"
        case.add_finding("licences", exclusion.config, exclusion.row_id, detail)
    for config, rows in case.tables.rows.items():
        columns = [
            name
            for name, column in TABLES[config].columns.items()
            if column.repeats and column.repeats not in case.tables.rows
        ]
        for row in iterated(rows) if columns else ():
            if not all(map(_is_clean, _column_texts(row, columns))):
                detail = "secret: holds what looks like a credential or an e-mail address"
                case.add_finding("licences", config, row_id(config, row), detail)


def _column_texts(row: dict[str, object], columns: list[str]) -> Iterator[str]:
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
