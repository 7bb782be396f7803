"""The files of a revision."""

from collections.abc import Mapping
from typing import Any

from ..errors import Refused, bad_request, entry_not_found
from ..history import Commit, api_date
from ..messages import Reply, Request, json_reply
from ..routes import route
from ..trees import folder_ids, node, nodes

EXPANDED_PAGE_SIZE = 50
N_PATHS_MAX = 1000


@route("GET", "/api/datasets/{repo}/tree/{revision}")
@route("GET", "/api/datasets/{repo}/tree/{revision}/{path}")
def list_tree(request: Request) -> Reply:
    commit, folder = request.commit(), request.parameters.get("path", "").strip("/")
    listed = nodes(commit.tree, folder, request.is_on("recursive"))
    if folder and not listed:
        raise entry_not_found(f'{folder} does not exist on "{request.parameters["revision"]}"', commit.oid)
    page_size = request.hub.page_size
    if request.is_on("expand"):
        page_size = min(page_size, EXPANDED_PAGE_SIZE)
        listed = [_with_last_commit(fields, commit) for fields in listed]
    return request.page(listed, page_size)


@route("POST", "/api/datasets/{repo}/paths-info/{revision}")
def paths_info(request: Request) -> Reply:
    commit = request.commit()
    options: Mapping[str, Any]
    options = request.json() if "json" in request.headers.get("Content-Type", "") else request.form()
    paths = options.get("paths")
    if isinstance(paths, str):
        paths = [paths]
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise bad_request('Invalid input: "paths" must be an array of strings')
    if len(paths) > N_PATHS_MAX:
        raise Refused(413, "too many parameters")
    ids = folder_ids(commit.tree)
    stripped = [path.strip("/") for path in paths]
    existing = [path for path in stripped if path and path in {*commit.tree, *ids}]
    described = [node(commit.tree, ids, path) for path in existing]
    if options.get("expand") in (True, ["true"], ["True"]):
        described = [_with_last_commit(fields, commit) for fields in described]
    return json_reply(described)


def _with_last_commit(fields: dict[str, Any], commit: Commit) -> dict[str, Any]:
    last = commit.last_change(fields["path"])
    return {**fields, "lastCommit": {"id": last.oid, "title": last.title, "date": api_date(last.date)}}
