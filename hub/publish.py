"""A folder becomes a version of a dataset on the Hub: one commit, then the tag.

In: a folder as it is to be on the Hub, and a repository. Out: `Published`. Large files go up before the
commit and are kept by their content, so a run that was killed goes on where it stopped, and a reader never
sees half a version. What the repository has already is not sent again. Files of earlier versions that the
folder no longer has are removed; what is not ours stays.

Not covered: what the folder holds (`release`).
"""

import hashlib
import logging
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, TypeVar

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, RepoFile, get_token
from huggingface_hub.errors import (
    HfHubHTTPError,
    HFValidationError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]
from tenacity import before_sleep_log, retry, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from builders.folder import SPLITS
from builders.schema import TABLES

OURS = (
    *(f"{config}/{split}-*.parquet" for config in TABLES for split in SPLITS),
    *("README.md", "provenance.json", "prompts/*.md", "pictures/*", "verifier.py", "io_prediction.py"),
)
"""Patterns of the files that a version is made of."""
N_TRIES = 6
FIRST_PAUSE_S, MAX_PAUSE_S = 1.0, 60.0
T = TypeVar("T")
_TAG = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._+-]*[A-Za-z0-9])?(?<!\.lock)")
_PASSING = (408, 409, 412, 429, *range(500, 600))
_NETWORK = ("httpx", "httpx2", "httpcore", "requests", "urllib3")  # by the generation of huggingface_hub
log = logging.getLogger("codeio.hub")


class PublishError(Exception):
    """It cannot be published; the message says why and what to do."""


@dataclass(frozen=True)
class Target:
    """Where to: a dataset repository, one of its branches, and perhaps a tag for the commit.

    Raises PublishError where the tag cannot be one: it comes after the commit, which would then have none.
    """

    repo_id: str
    branch: str = "main"
    tag: str | None = None
    private: bool = False
    create_pr: bool = False

    def __post_init__(self) -> None:
        if self.tag is not None and (not _TAG.fullmatch(self.tag) or ".." in self.tag):
            raise PublishError(
                f"{self.tag!r} is no name of a tag: take letters, digits and ._+- as in v1.0.0."
            )


@dataclass(frozen=True)
class Changes:
    """What a commit would do: paths, those that are added or changed with the bytes to be sent for them.

    These are none where the repository has the content under another name.
    """

    added: dict[str, int]
    changed: dict[str, int]
    removed: tuple[str, ...]
    n_unchanged: int

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)


@dataclass(frozen=True)
class Published:
    """What came of it; `url` is that of the commit or of the pull request, None where nothing had changed."""

    oid: str
    url: str | None
    changes: Changes


@dataclass(frozen=True)
class _Remote:
    """A branch as it is: its head, and its files by path."""

    head: str | None
    files: dict[str, RepoFile]

    def ours(self) -> dict[str, str]:
        """The files of a version by path, with the hashes of their contents."""
        return {path: file.blob_id for path, file in self.files.items() if _is_ours(path)}


def may_publish(target: Target) -> None:
    """Raise PublishError where the name is none, or the Hub knows that one may not write there.

    A pull request may be opened by whoever may read.
    """
    with _explained(target):
        try:
            _patiently(HfApi().auth_check)(target.repo_id, repo_type="dataset", write=not target.create_pr)
        except RepositoryNotFoundError:
            if get_token() is None:
                raise
            # It is new, or hidden from this token: making it will tell.


def planned(folder: Path, target: Target) -> Changes:
    """What publishing would change; nothing is touched. A repository that does not exist yet is empty.

    Raises PublishError, also where the tag is that of another version.
    """
    with _explained(target):
        api = HfApi()
        remote = _patiently(_remote)(api, target)
        changes = _changes(folder, remote)
        there = _tagged(api, target)
    if there and (changes or there != remote.head):
        raise PublishError(
            f"{target.repo_id} has a version {target.tag} already ({there[:8]}), which stays as it is:"
            " give another --tag."
        )
    return changes


def publish(folder: Path, target: Target, message: str) -> Published:
    """Make the branch hold what the folder does; raises PublishError. A second call changes nothing."""
    changes = planned(folder, target)
    with _explained(target):
        api, repo = HfApi(), {"repo_id": target.repo_id, "repo_type": "dataset"}
        _patiently(api.create_repo)(**repo, private=target.private or None, exist_ok=True)
        if target.branch != "main":
            _patiently(api.create_branch)(**repo, branch=target.branch, exist_ok=True)
        before = _patiently(_remote)(api, target)
        published = _patiently(_committed)(api, folder, target, message, before)
        if target.tag:
            _patiently(api.create_tag)(**repo, tag=target.tag, revision=published.oid, exist_ok=True)
            there = _tagged(api, target)
    if target.tag and there != published.oid:  # the client takes any tag of that name for the one asked for
        raise PublishError(f"Somebody else made {target.tag} meanwhile, of {there}: give another --tag.")
    return replace(published, changes=changes)


def _committed(api: HfApi, folder: Path, target: Target, message: str, before: _Remote) -> Published:
    """One try; the next looks afresh at what there is, and finds the commit if only its reply was lost."""
    remote = _remote(api, target)
    changes = _changes(folder, remote)
    if not changes:
        return Published(remote.head or "", None, changes)
    if remote.ours() != before.ours():  # the card tells of changes since the version before
        raise PublishError(
            f"Somebody else published to {target.repo_id} meanwhile: run the same command again, which"
            " compares with what is there then."
        )
    additions = [CommitOperationAdd(path, folder / path) for path in (*changes.added, *changes.changed)]
    where: dict[str, Any] = {"repo_type": "dataset", "revision": target.branch}
    where["create_pr"] = target.create_pr or None
    api.preupload_lfs_files(target.repo_id, additions, **where)
    made = api.create_commit(
        target.repo_id,
        [*additions, *map(CommitOperationDelete, changes.removed)],
        commit_message=message,
        parent_commit=remote.head,
        **where,
    )
    return Published(made.oid, made.pr_url or made.commit_url, changes)


def _remote(api: HfApi, target: Target) -> _Remote:
    where: dict[str, Any] = {"repo_type": "dataset", "revision": target.branch}
    try:
        head = api.repo_info(target.repo_id, **where).sha
        entries = list(api.list_repo_tree(target.repo_id, recursive=True, **{**where, "revision": head}))
    except (RepositoryNotFoundError, RevisionNotFoundError):
        return _Remote(None, {})
    return _Remote(head, {entry.path: entry for entry in entries if isinstance(entry, RepoFile)})


def _changes(folder: Path, remote: _Remote) -> Changes:
    added, changed, n_unchanged = {}, {}, 0
    contents = {file.lfs.sha256 for file in remote.files.values() if file.lfs}
    ours = {path.relative_to(folder).as_posix(): path for path in _files(folder)}
    for name, path in ours.items():
        there = remote.files.get(name)
        if there is None:
            added[name] = _n_to_send(path, contents)
        elif _is_same(path, there):
            n_unchanged += 1
        else:
            changed[name] = _n_to_send(path, contents)
    removed = sorted(name for name in remote.files if name not in ours and _is_ours(name))
    return Changes(added, changed, tuple(removed), n_unchanged)


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and _is_ours(path.relative_to(folder).as_posix()):
            yield path


def _is_ours(name: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in OURS)


def _is_same(path: Path, there: RepoFile) -> bool:
    if path.stat().st_size != there.size:
        return False
    if there.lfs:
        return _sha256(path) == there.lfs.sha256
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0%b" % (len(content), content)).hexdigest() == there.blob_id


def _n_to_send(path: Path, contents: Collection[str]) -> int:
    """Bytes of a file, none if its hash is among these."""
    return 0 if _sha256(path) in contents else path.stat().st_size


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _tagged(api: HfApi, target: Target) -> str | None:
    """The commit that has the tag."""
    if not target.tag:
        return None
    try:
        refs = _patiently(api.list_repo_refs)(target.repo_id, repo_type="dataset")
    except RepositoryNotFoundError:
        return None
    return next((ref.target_commit for ref in refs.tags if ref.name == target.tag), None)


def _patiently(call: Callable[..., T]) -> Callable[..., T]:
    """The same call, made again after a while where that may help."""
    return retry(
        retry=retry_if_exception(passes),
        stop=stop_after_attempt(N_TRIES),
        wait=wait_exponential_jitter(initial=FIRST_PAUSE_S, max=MAX_PAUSE_S),
        before_sleep=before_sleep_log(log, logging.WARNING),
        reraise=True,
    )(call)


def passes(error: BaseException) -> bool:
    """Whether an error is the network's, a busy Hub's, or that of somebody who committed at the same time."""
    if isinstance(error, HfHubHTTPError):
        return error.response.status_code in _PASSING
    if isinstance(error, RuntimeError) and error.__cause__:  # how an upload fails
        return passes(error.__cause__)
    return isinstance(error, ConnectionError) or type(error).__module__.partition(".")[0] in _NETWORK


@contextmanager
def _explained(target: Target) -> Iterator[None]:
    try:
        validate_repo_id(target.repo_id)
        yield
    except HFValidationError as error:
        raise PublishError(
            f"{target.repo_id} is no name of a repository ({error}): give OWNER/NAME."
        ) from error
    except Exception as error:
        if not (isinstance(error, HfHubHTTPError | RuntimeError | OSError | ValueError) or passes(error)):
            raise
        cause = error.__cause__ if isinstance(error, RuntimeError) and error.__cause__ else error
        status = getattr(getattr(cause, "response", None), "status_code", None)
        if status in (401, 403, 404):
            advice = "log in with `hf auth login` or set HF_TOKEN, with a token that may write there."
        elif passes(error):
            advice = "what was sent is kept: run the same command again."
        else:
            advice = "nothing was published."
        raise PublishError(f"The Hub does not take {target.repo_id} ({cause}): {advice}") from error
