"""The upload: one commit makes a folder a version of a dataset on the Hub, then the tag is set.

In: a folder as it should be on the Hub, and a repository. Out: `Published`. Large files are sent before the
commit, and the Hub stores them by content. So a run that was killed continues where it stopped, and a reader
never sees half a version. What the repository already has is not sent again. Files of earlier versions that
the folder no longer has are removed; files that are not part of a version stay.

Not covered: what the folder holds (`release`).
"""

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, get_token
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, RepositoryNotFoundError
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]
from tenacity import RetryCallState, retry, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from builders.errors import CodeioError
from hub.publish.remote import CommitPlan, Remote, plan_commit
from hub.transient import is_transient

N_TRIES = 6
FIRST_PAUSE_S, MAX_PAUSE_S = 1.0, 60.0
T = TypeVar("T")
_TAG = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._+-]*[A-Za-z0-9])?(?<!\.lock)")
log = logging.getLogger("codeio.hub")


class PublishError(CodeioError):
    """The folder cannot be published; the message says why and what to do."""


@dataclass(frozen=True)
class Target:
    """The target of an upload: a dataset repository, one of its branches, and perhaps a tag for the commit.

    Raises PublishError if the tag is not valid: the Hub would refuse it only after the commit.
    """

    repo_id: str
    branch: str = "main"
    tag: str | None = None
    private: bool = False
    create_pr: bool = False

    def __post_init__(self) -> None:
        if self.tag is not None and (not _TAG.fullmatch(self.tag) or ".." in self.tag):
            raise PublishError(f"{self.tag!r} is not a valid tag: use letters, digits and ._+- as in v1.0.0.")


@dataclass(frozen=True)
class Published:
    """The result of an upload; `url` is the commit's or the pull request's, None if nothing had changed."""

    oid: str
    url: str | None
    plan: CommitPlan


def check_access(target: Target) -> None:
    """Raise PublishError if the name is not valid, or the Hub says that this user may not write there.

    Whoever may read the repository may open a pull request.
    """
    with _explained(target):
        try:
            _patiently(HfApi().auth_check)(target.repo_id, repo_type="dataset", write=not target.create_pr)
        except RepositoryNotFoundError:
            if get_token() is None:
                raise
            # The repository is new, or hidden from this token: creating it will show which.


def plan_upload(folder: Path, target: Target) -> CommitPlan:
    """Return what publishing would change, without changing it.

    A new branch starts as a copy of main, a new repository empty. Raises PublishError, also if a different
    version has the tag.
    """
    with _explained(target):
        api = HfApi()
        remote = _patiently(Remote.read)(api, target.repo_id, target.branch)
        if remote.head is None:
            remote = _patiently(Remote.read)(api, target.repo_id, "main")
        plan = plan_commit(folder, remote)
        tagged = _tagged(api, target)
    if tagged and (plan or tagged != remote.head):
        raise PublishError(
            f"{target.repo_id} has a version {target.tag} already ({tagged[:8]}), which stays as it is:"
            " give another --tag."
        )
    return plan


def publish(folder: Path, target: Target, message: str) -> Published:
    """Make the branch hold what the folder holds. A second call changes nothing. Raises PublishError."""
    plan = plan_upload(folder, target)
    with _explained(target):
        api, repo = HfApi(), {"repo_id": target.repo_id, "repo_type": "dataset"}
        _patiently(api.create_repo)(**repo, private=target.private or None, exist_ok=True)
        if target.branch != "main" and not target.create_pr:
            _patiently(api.create_branch)(**repo, branch=target.branch, exist_ok=True)
        before = _patiently(Remote.read)(api, target.repo_id, target.branch)
        published = _patiently(_committed)(api, folder, target, message, before)
        if target.tag:
            _patiently(api.create_tag)(**repo, tag=target.tag, revision=published.oid, exist_ok=True)
            tagged = _tagged(api, target)
    if target.tag and tagged != published.oid:  # `exist_ok` also accepts a tag of another commit
        raise PublishError(f"Somebody else set {target.tag} to {tagged} meanwhile: give another --tag.")
    return replace(published, plan=plan)


def _committed(api: HfApi, folder: Path, target: Target, message: str, before: Remote) -> Published:
    """Commit once. A retry reads the repository again, so it finds a commit whose reply was lost."""
    remote = Remote.read(api, target.repo_id, target.branch)
    plan = plan_commit(folder, remote)
    if not plan:
        return Published(remote.head or "", None, plan)
    if target.create_pr and (opened := _opened(api, folder, target, message)):
        return opened
    if remote.version_files() != before.version_files():  # the changelog compares with `before`
        raise PublishError(
            f"Somebody else published to {target.repo_id} meanwhile: run the same command again; it"
            " compares with the new version."
        )
    additions = [CommitOperationAdd(path, folder / path) for path in (*plan.added, *plan.changed)]
    where: dict[str, Any] = {"repo_type": "dataset", "revision": target.branch}
    where["create_pr"] = target.create_pr or None
    api.preupload_lfs_files(target.repo_id, additions, **where)
    commit = api.create_commit(
        target.repo_id,
        [*additions, *map(CommitOperationDelete, plan.removed)],
        commit_message=message,
        parent_commit=remote.head,
        **where,
    )
    return Published(commit.oid, commit.pr_url or commit.commit_url, plan)


def _opened(api: HfApi, folder: Path, target: Target, title: str) -> Published | None:
    """Return the open pull request of an earlier try or run: it has that title and the folder's files."""
    for request in api.get_repo_discussions(
        target.repo_id, repo_type="dataset", discussion_type="pull_request", discussion_status="open"
    ):
        if request.title == title and request.git_reference:
            proposed = Remote.read(api, target.repo_id, request.git_reference)
            if not (plan := plan_commit(folder, proposed)):
                return Published(proposed.head or "", request.url, plan)
    return None


def _tagged(api: HfApi, target: Target) -> str | None:
    """Return the commit that has the tag; None if there is no such tag."""
    if not target.tag:
        return None
    try:
        refs = _patiently(api.list_repo_refs)(target.repo_id, repo_type="dataset")
    except RepositoryNotFoundError:
        return None
    return next((ref.target_commit for ref in refs.tags if ref.name == target.tag), None)


def _patiently(call: Callable[..., T]) -> Callable[..., T]:
    """Return the call with retries for transient errors."""
    return retry(
        retry=retry_if_exception(is_transient),
        stop=stop_after_attempt(N_TRIES),
        wait=wait_exponential_jitter(initial=FIRST_PAUSE_S, max=MAX_PAUSE_S),
        before_sleep=_log_retry,
        reraise=True,
    )(call)


def _log_retry(call: RetryCallState) -> None:
    error = call.outcome and call.outcome.exception()
    message = getattr(error, "server_message", None) or str(error)
    log.warning("The Hub: %s Trying again in %.0f s.", " ".join(message.split()), call.upcoming_sleep)


@contextmanager
def _explained(target: Target) -> Iterator[None]:
    """Raise PublishError with advice for an error of the Hub, the network or the files."""
    try:
        validate_repo_id(target.repo_id)
        yield
    except HFValidationError as error:
        raise PublishError(
            f"{target.repo_id} is not the name of a repository ({error}): give OWNER/NAME."
        ) from error
    except Exception as error:
        if not (
            isinstance(error, HfHubHTTPError | RuntimeError | OSError | ValueError) or is_transient(error)
        ):
            raise
        cause = error.__cause__ if isinstance(error, RuntimeError) and error.__cause__ else error
        status = getattr(getattr(cause, "response", None), "status_code", None)
        if status in (401, 403, 404):
            advice = "log in with `hf auth login` or set HF_TOKEN, with a token that may write there."
        elif is_transient(error):
            advice = "run the same command again; files that were sent are not sent twice."
        else:
            advice = "nothing was published."
        raise PublishError(f"The Hub refused {target.repo_id} ({cause}): {advice}") from error
