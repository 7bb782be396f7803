"""The files that a version consists of, as patterns of their paths in the repository.

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
"""The modules that ship with the data, by file name: the rules, and the metric that applies them."""


def patterns() -> list[str]:
    """Return the patterns of the files that a version consists of."""
    tables = (f"{config}/{split}-*.parquet" for config in TABLES for split in SPLITS)
    return [*tables, "README.md", PROVENANCE, "prompts/*.md", "pictures/*", *SHIPPED]


def is_version_file(name: str) -> bool:
    """Return whether a file is part of a version; `name` is its path from the root of the repository."""
    return any(fnmatch(name, pattern) for pattern in patterns())
