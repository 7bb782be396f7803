"""Downloads, with the redirects of the Hub.

A regular file of a public repository has an address with its commit's id, on the same host. A file in LFS is
on another host, which checks a signature and takes no tokens: a request with an `Authorization` header is
refused, as the storage behind the Hub does. The other host of a local hub is the same server under another
name. Empty files, and regular files of private repositories, are sent without a redirect.
"""

import re
from pathlib import Path
from urllib.parse import quote, urlencode

from ..errors import Refused, bad_request, forbidden, no_entry
from ..exchange import Call, Reply
from ..history import Repository
from ..objects import Entry
from ..routes import route

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@route("GET HEAD", "/datasets/{repo}/resolve/{revision}/{path}")
def resolve(call: Call) -> Reply:
    repository, commit = call.repository(), call.commit()
    entry = commit.tree.get(call.names["path"])
    if entry is None:
        raise no_entry(commit_id=commit.oid)
    known = {"X-Repo-Commit": commit.oid, "Accept-Ranges": "bytes"}
    if entry.sha256:
        address = call.hub.stored_at(repository, entry.sha256)
        linked = {"X-Linked-ETag": f'"{entry.sha256}"', "X-Linked-Size": str(entry.size)}
        return Reply(302, headers={**known, **linked, "Location": address})
    if repository.private or not entry.size:
        return _content(call, repository.objects.path(entry), entry, known)
    address = f"/api/resolve-cache/datasets/{repository.name}/{commit.oid}/{quote(call.names['path'])}"
    query = urlencode({call.path: "", "etag": f'"{entry.oid}"'})
    return Reply(307, headers={**known, "Location": f"{address}?{query}"})


@route("GET HEAD", "/api/resolve-cache/datasets/{repo}/{revision}/{path}")
def resolved(call: Call) -> Reply:
    repository, commit = call.repository(), call.commit()
    entry = commit.tree.get(call.names["path"])
    if entry is None or entry.sha256:
        raise no_entry(commit_id=commit.oid)
    return _content(call, repository.objects.path(entry), entry, {"X-Repo-Commit": commit.oid})


@route("GET HEAD", "/repos/{uid}/{sha256}")
def stored(call: Call) -> Reply:
    repository, sha256 = stored_in(call)
    entry = repository.objects.in_lfs(sha256)
    if entry is None:
        raise Refused(404, "The specified key does not exist.")
    return _content(call, repository.objects.path(entry), entry, {})


def stored_in(call: Call) -> tuple[Repository, str]:
    """Return the repository and sha256 of an address in the storage; refused unless the hub signed it."""
    if "Authorization" in call.headers:
        raise bad_request("Only one auth mechanism allowed")
    repository = call.hub.repositories.by_uid(call.names["uid"])
    sha256 = call.names["sha256"]
    if repository is None or call.query.get("signature") != call.hub.signature(repository, sha256):
        raise forbidden("The request signature we calculated does not match the signature you provided.")
    return repository, sha256


def _content(call: Call, path: Path, entry: Entry, headers: dict[str, str]) -> Reply:
    """Reply with the file, or with the requested range of it."""
    etag = f'"{entry.etag}"'
    headers = {**headers, "ETag": etag, "Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
    if call.headers.get("If-None-Match") == etag:
        return Reply(304, headers=headers)
    match = _RANGE.fullmatch(call.headers.get("Range", ""))
    if not match or match.group(1, 2) == ("", ""):
        return Reply(200, headers=headers, file=path, n_bytes=entry.size)
    first, last = _span(match, entry.size)
    if first > last:
        return Reply(416, headers={**headers, "Content-Range": f"bytes */{entry.size}"})
    headers["Content-Range"] = f"bytes {first}-{last}/{entry.size}"
    return Reply(206, headers=headers, file=path, first=first, n_bytes=last - first + 1)


def _span(match: re.Match[str], size: int) -> tuple[int, int]:
    if match[1]:
        return int(match[1]), min(int(match[2]) if match[2] else size - 1, size - 1)
    return max(size - int(match[2]), 0), size - 1  # that many bytes from the end
