"""The files of a revision."""

from collections.abc import Mapping
from typing import Any

from ..errors import Refused, bad_request, no_entry
from ..exchange import Call, Reply, json_reply
from ..history import Commit, api_date
from ..routes import route
from ..trees import folder_ids, node, nodes

EXPANDED_PAGE_SIZE = 50
N_PATHS_MAX = 1000


@route("GET", "/api/datasets/{repo}/tree/{revision}")
@route("GET", "/api/datasets/{repo}/tree/{revision}/{path}")
def tree(call: Call) -> Reply:
    commit, folder = call.commit(), call.names.get("path", "").strip("/")
    listed = nodes(commit.tree, folder, call.is_on("recursive"))
    if folder and not listed:
        raise no_entry(f'{folder} does not exist on "{call.names["revision"]}"', commit.oid)
    size = call.hub.page_size
    if call.is_on("expand"):
        size = min(size, EXPANDED_PAGE_SIZE)
        listed = [_expanded(found, commit) for found in listed]
    return call.page(listed, size)


@route("POST", "/api/datasets/{repo}/paths-info/{revision}")
def paths_info(call: Call) -> Reply:
    commit = call.commit()
    asked: Mapping[str, Any]
    asked = call.json() if "json" in call.headers.get("Content-Type", "") else call.form()
    paths = asked.get("paths")
    if isinstance(paths, str):
        paths = [paths]
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise bad_request('Invalid input: "paths" must be an array of strings')
    if len(paths) > N_PATHS_MAX:
        raise Refused(413, "too many parameters")
    ids = folder_ids(commit.tree)
    known = [path for path in (path.strip("/") for path in paths) if path and path in {*commit.tree, *ids}]
    found = [node(commit.tree, ids, path) for path in known]
    if asked.get("expand") in (True, ["true"], ["True"]):
        found = [_expanded(one, commit) for one in found]
    return json_reply(found)


def _expanded(node: dict[str, Any], commit: Commit) -> dict[str, Any]:
    last = commit.last_change(node["path"])
    return {**node, "lastCommit": {"id": last.oid, "title": last.title, "date": api_date(last.date)}}
