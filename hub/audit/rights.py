"""Licences and secrets: a row has the licence of what it was made of, and may be published.

Whether rows may be published is looked at where they have been; for a folder that was built here,
`codeio publish` decides.

Not covered: what `hub.rights.withheld` does not look for.
"""

from collections.abc import Iterator

from builders.masking import PrivateKeyFound, masked
from hub.audit.case import Case
from hub.audit.untrusted import iterated, row_id
from hub.rights.licences import may_be_published
from hub.rights.withheld import Withheld

_REPEATED = {
    "tasks": ("functions", "prompt"),
    "rlvr": ("functions", "reference_code"),
    "codeio": ("turns", "messages"),
    "codeio_pp": ("turns", "messages"),
    "preference": ("turns", "chosen", "rejected"),
}
"""Tables that repeat text, the table it stands in first, and their columns that do."""


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
    """Compare with the parent; without one at hand, a licence must do by itself."""
    expected = _licences_above(case, config)
    # Files and functions: told by `_withheld`.
    is_alone = case.is_published and expected is None and "task_id" in case.tables.rows[config].features
    column = {"functions": "code_id"}.get(config, "task_id")
    for row in iterated(case.tables.rows[config]):
        parent = row.get(column)
        if expected is not None and parent in expected:
            if row["license"] != expected[parent]:
                detail = f"has the licence {row['license']}, and is made of what has {expected[parent]}"
                case.found("licences", config, row_id(config, row), detail)
        elif is_alone and not may_be_published(row["license"], case.facts.allowed):
            detail = f"may not be published under {row['license']}"
            case.found("licences", config, row_id(config, row), detail)


def _licences_above(case: Case, config: str) -> dict[str, str | None] | None:
    """The licences that a table's rows have from others, by the column that names these."""
    rows = case.tables.rows
    if config == "functions" and "raw_code" in rows:
        return {row["code_id"]: row["license"] for row in iterated(rows["raw_code"], "code_id", "license")}
    if config in ("codeio", "codeio_pp") and "functions" in rows and "tasks" in rows:
        functions = iterated(rows["functions"], "function_id", "license")
        of_function = {row["function_id"]: row["license"] for row in functions}
        return {
            row["task_id"]: of_function[row["function_id"]]
            for row in iterated(rows["tasks"], "task_id", "function_id")
            if row["function_id"] in of_function
        }
    return None


def _withheld(case: Case) -> None:
    """What `codeio publish` would have left out."""
    for left in Withheld(case.folder, case.facts.allowed).left:
        if left.config == "dropped" and left.reason == "no_licence" and "raw_code" not in case.tables.rows:
            continue
        case.found("licences", left.config, left.row_id, f"{left.reason}: {left.detail}")
    for config, (origin, *columns) in _REPEATED.items():
        if config not in case.tables.rows or origin in case.tables.rows:
            continue
        for row in iterated(case.tables.rows[config]):
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
