"""Downloads, with the redirects of the Hub.

For a regular file of a public repository, the redirect goes to an address with the id of its commit, on the
same host. For a file in LFS, it goes to another host, the storage, which checks a signature and accepts no
tokens: a request with an `Authorization` header is refused, as the storage behind the Hub does. The storage
of a local hub is the same server under another name. Empty files, and regular files of private repositories,
are sent without a redirect.
"""

import re
from pathlib import Path
from urllib.parse import quote, urlencode

from ..errors import Refused, bad_request, entry_not_found, forbidden
from ..history import Repository
from ..messages import Reply, Request
from ..objects import Entry
from ..routes import route

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@route("GET HEAD", "/datasets/{repo}/resolve/{revision}/{path}")
def resolve(request: Request) -> Reply:
    repository, commit = request.repository(), request.commit()
    entry = commit.tree.get(request.parameters["path"])
    if entry is None:
        raise entry_not_found(commit_id=commit.oid)
    headers = {"X-Repo-Commit": commit.oid, "Accept-Ranges": "bytes"}
    if entry.sha256:
        url = request.hub.signed_url(repository, entry.sha256)
        lfs_headers = {"X-Linked-ETag": f'"{entry.sha256}"', "X-Linked-Size": str(entry.size)}
        return Reply(302, headers={**headers, **lfs_headers, "Location": url})
    if repository.private or not entry.size:
        return _content(request, repository.objects.path(entry), entry, headers)
    url = f"/api/resolve-cache/datasets/{repository.name}/{commit.oid}/{quote(request.parameters['path'])}"
    query = urlencode({request.path: "", "etag": f'"{entry.oid}"'})
    return Reply(307, headers={**headers, "Location": f"{url}?{query}"})


@route("GET HEAD", "/api/resolve-cache/datasets/{repo}/{revision}/{path}")
def resolve_from_cache(request: Request) -> Reply:
    repository, commit = request.repository(), request.commit()
    entry = commit.tree.get(request.parameters["path"])
    if entry is None or entry.sha256:
        raise entry_not_found(commit_id=commit.oid)
    return _content(request, repository.objects.path(entry), entry, {"X-Repo-Commit": commit.oid})


@route("GET HEAD", "/repos/{uid}/{sha256}")
def download_from_storage(request: Request) -> Reply:
    repository, sha256 = signed_object(request)
    entry = repository.objects.find_lfs(sha256)
    if entry is None:
        raise Refused(404, "The specified key does not exist.")
    return _content(request, repository.objects.path(entry), entry, {})


def signed_object(request: Request) -> tuple[Repository, str]:
    """Return repository and sha256 of an address in the storage; raise Refused unless the hub signed it."""
    if "Authorization" in request.headers:
        raise bad_request("Only one auth mechanism allowed")
    repository = request.hub.repositories.by_uid(request.parameters["uid"])
    sha256 = request.parameters["sha256"]
    if repository is None or request.query.get("signature") != request.hub.signature(repository, sha256):
        raise forbidden("The request signature we calculated does not match the signature you provided.")
    return repository, sha256


def _content(request: Request, path: Path, entry: Entry, headers: dict[str, str]) -> Reply:
    """Reply with the file, or with the requested range of it."""
    etag = f'"{entry.etag}"'
    headers = {**headers, "ETag": etag, "Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
    if request.headers.get("If-None-Match") == etag:
        return Reply(304, headers=headers)
    match = _RANGE.fullmatch(request.headers.get("Range", ""))
    if not match or match.group(1, 2) == ("", ""):
        return Reply(200, headers=headers, file=path, n_bytes=entry.size)
    first, last = _byte_range(match, entry.size)
    if first > last:
        return Reply(416, headers={**headers, "Content-Range": f"bytes */{entry.size}"})
    headers["Content-Range"] = f"bytes {first}-{last}/{entry.size}"
    return Reply(206, headers=headers, file=path, first=first, n_bytes=last - first + 1)


def _byte_range(match: re.Match[str], size: int) -> tuple[int, int]:
    if match[1]:
        return int(match[1]), min(int(match[2]) if match[2] else size - 1, size - 1)
    return max(size - int(match[2]), 0), size - 1  # the last so many bytes
