"""What a version is made of: the files of its repository, by the patterns of their names.

Tested in tests/hub/export/test_export.py.
"""

from fnmatch import fnmatch
from pathlib import Path

from builders import verifier
from builders.running.provenance import FILE as PROVENANCE
from builders.schema import TABLES
from builders.tables.folder import SPLITS

SHIPPED = {
    "verifier.py": Path(verifier.__file__),
    "io_prediction.py": Path(__file__).with_name("io_prediction.py"),
}
"""Modules that go along, by their names there: the rules, and the metric that stands on them."""


def patterns() -> list[str]:
    """Return the patterns of the files that a version is made of."""
    tables = (f"{config}/{split}-*.parquet" for config in TABLES for split in SPLITS)
    return [*tables, "README.md", PROVENANCE, "prompts/*.md", "pictures/*", *SHIPPED]


def is_ours(name: str) -> bool:
    """Whether a file of this name, given from the top of the repository, is part of a version."""
    return any(fnmatch(name, pattern) for pattern in patterns())
