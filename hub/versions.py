"""A version of a dataset at hand: a built folder, or one that is published.

In: the path of a folder, or a dataset on the Hub as OWNER/NAME or OWNER/NAME@REVISION. Out: `Version`. Of a
published one, only the files that a version is made of are fetched, by their revision; none of them is
imported or run here.
Tested in tests/stories/test_formats.py.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import (
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from builders.errors import CodeioError
from builders.running.provenance import provenance
from builders.schema import TABLES
from builders.tables.folder import Folder
from hub.layout import patterns
from hub.transient import passes


class VersionError(CodeioError):
    """There is no such version; the message says what to give instead."""


class NoVersion(VersionError):
    """Nothing of that name is there, or nothing of codeio's in it."""


@dataclass(frozen=True)
class Version:
    """Tables and how they came about; `name` is what was asked for, with the commit where it has one."""

    name: str
    folder: Folder
    provenance: dict[str, Any]


def version(name: str) -> Version:
    """Find a version; a folder of that name goes before a dataset. Raises VersionError, OtherFormat."""
    local = Path(name)
    if local.is_dir():
        found = _version(name, local)
    elif local.exists():
        raise VersionError(f"{name} is a file: give the folder of a build, or OWNER/NAME on the Hub.")
    else:
        found = _published(name)
    if not any(found.folder.files(config) for config in TABLES):
        raise NoVersion(f"{name} has no tables of codeio's. Were they made by `codeio build`?")
    return found


def _published(name: str) -> Version:
    repo_id, _, revision = name.partition("@")
    try:
        oid = HfApi().dataset_info(repo_id, revision=revision or None).sha
        root = snapshot_download(repo_id, repo_type="dataset", revision=oid, allow_patterns=patterns())
    except HFValidationError:
        raise VersionError(f"There is no folder {name}, and it is no OWNER/NAME[@REVISION] either.") from None
    except RevisionNotFoundError:
        raise NoVersion(f"{repo_id} has no revision {revision}.") from None
    except RepositoryNotFoundError:
        raise NoVersion(
            f"There is no folder {name}, and the Hub has no dataset {repo_id} that you may read."
            " Log in with `hf auth login` if it is private."
        ) from None
    except Exception as error:
        if not (isinstance(error, HfHubHTTPError | LocalEntryNotFoundError | OSError) or passes(error)):
            raise
        raise VersionError(f"The Hub did not give {name} ({error}): try again later.") from error
    return _version(f"{repo_id}@{oid}", Path(root))


def _version(name: str, root: Path) -> Version:
    try:
        told = provenance(root, name)
    except ValueError as error:
        raise VersionError(f"What tells how {name} was made cannot be read ({error!r}).") from error
    return Version(name, Folder(root), told)
