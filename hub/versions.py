"""A version of a dataset on disk: the folder of a build, or a published version that was downloaded.

In: the path of a folder, or a dataset on the Hub as OWNER/NAME or OWNER/NAME@REVISION. Out: `Version`. Only
the files that a version consists of are downloaded, all at one commit; none of them is imported or run here.
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
from hub.transient import is_transient


class VersionError(CodeioError):
    """The version cannot be opened; the message says why, and what to do."""


class NoVersion(VersionError):
    """Nothing has that name, or it has no tables of codeio."""


@dataclass(frozen=True)
class Version:
    """The tables of a version and their provenance; `name` is a folder, or a repository with its commit."""

    name: str
    folder: Folder
    provenance: dict[str, Any]


def open_version(name: str) -> Version:
    """Open a version of a dataset; download it if it is on the Hub.

    Args:
        name: The path of a folder if there is one, else OWNER/NAME or OWNER/NAME@REVISION on the Hub.

    Returns:
        Its tables and provenance. Nothing of it is imported or run.

    Raises:
        VersionError: If it cannot be opened; NoVersion if it does not exist or has no tables of codeio.
        FormatMismatch: If its data has a format that this codeio does not read.
    """
    local = Path(name)
    if local.is_dir():
        opened = _version(name, local)
    elif local.exists():
        raise VersionError(f"{name} is a file: give the folder of a build, or OWNER/NAME on the Hub.")
    else:
        opened = _published(name)
    if not any(opened.folder.files(config) for config in TABLES):
        raise NoVersion(f"{name} has no tables of codeio. Was it made by `codeio build`?")
    return opened


def _published(name: str) -> Version:
    repo_id, _, revision = name.partition("@")
    try:
        oid = HfApi().dataset_info(repo_id, revision=revision or None).sha
        root = snapshot_download(repo_id, repo_type="dataset", revision=oid, allow_patterns=patterns())
    except HFValidationError:
        raise VersionError(f"There is no folder {name}, and it is not OWNER/NAME[@REVISION].") from None
    except RevisionNotFoundError:
        raise NoVersion(f"{repo_id} has no revision {revision}.") from None
    except RepositoryNotFoundError:
        raise NoVersion(
            f"There is no folder {name}, and the Hub has no dataset {repo_id} that you may read."
            " Log in with `hf auth login` if it is private."
        ) from None
    except Exception as error:
        if not (isinstance(error, HfHubHTTPError | LocalEntryNotFoundError | OSError) or is_transient(error)):
            raise
        raise VersionError(f"The Hub did not return {name} ({error}): try again later.") from error
    return _version(f"{repo_id}@{oid}", Path(root))


def _version(name: str, root: Path) -> Version:
    try:
        recorded = provenance(root, name)
    except ValueError as error:
        raise VersionError(f"The provenance of {name} cannot be read ({error!r}).") from error
    return Version(name, Folder(root), recorded)
