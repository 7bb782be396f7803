"""The Hub's errors, with their status, message and the `X-Error-Code` by which clients distinguish them.

In: the reason why a request is refused. Out: a `Refused`, which the server turns into a reply.
Not covered: for anonymous users of the real Hub, a missing repository is a 401 without a code. Clients
recognise that case by `https://` in the address, which a local Hub does not have, so here the code is always
sent.
"""

from collections.abc import Mapping
from typing import Any


class Refused(Exception):
    """An error that is sent as the reply to a request; `fields` are added to its JSON."""

    def __init__(
        self,
        status: int,
        message: str,
        code: str | None = None,
        fields: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.fields = dict(fields or {})
        self.headers = dict(headers or {})


class ConnectionLost(Exception):
    """The connection is lost: nothing more is read from it or sent."""


def bad_request(message: str) -> Refused:
    return Refused(400, message)


def forbidden(message: str) -> Refused:
    return Refused(403, message)


def repository_not_found(is_authenticated: bool) -> Refused:
    """Return the error of a missing repository, or of a private one that the sender may not see."""
    if is_authenticated:
        return Refused(404, "Repository not found", "RepoNotFound")
    return Refused(401, "Invalid username or password.", "RepoNotFound")


def revision_not_found(revision: str) -> Refused:
    return Refused(404, f"Invalid rev id: {revision}", "RevisionNotFound")


def entry_not_found(message: str = "Entry not found", commit_id: str | None = None) -> Refused:
    """Return the error of a missing file; clients cache that the commit does not have it."""
    return Refused(404, message, "EntryNotFound", headers={"X-Repo-Commit": commit_id} if commit_id else {})
