"""Commits: creating and listing them."""

from ..commits import parsed_commit
from ..errors import Refused, bad_request
from ..faults import MESSAGES
from ..history import Commit, Repository, api_date, new_commit
from ..messages import Reply, Request, json_reply
from ..routes import route

LOG_PAGE_SIZE = 50


@route("POST", "/api/datasets/{repo}/commit/{revision}")
def create_commit(request: Request) -> Reply:
    is_pull_request, revision = request.is_on("create_pr"), request.parameters["revision"]
    repository = request.writable_repository("commit to a dataset", is_pull_request=is_pull_request)
    if request.headers.get("Content-Type") != "application/x-ndjson":
        raise bad_request("A commit must be sent as application/x-ndjson")
    draft = parsed_commit(request.body.read(), repository.objects)
    with repository.lock:
        ref = repository.ref_to_move(revision)
        base = repository.refs[ref]
        if draft.parent_id and draft.parent_id != base.oid:
            if not is_pull_request:
                raise Refused(412, MESSAGES[412])
            base = repository.resolve(draft.parent_id)  # a pull request may start at an earlier commit
        name = request.sender().name
        commit = new_commit(draft.applied_to(base.tree), base, draft.title, draft.message, name)
        number = None
        if is_pull_request:
            number = repository.open_pull_request(draft.title, draft.message, name, "open", commit).number
        else:
            repository.add_commit(ref, commit)
    return json_reply(_as_json(request, repository, commit, number))


@route("GET", "/api/datasets/{repo}/commits/{revision}")
def list_commits(request: Request) -> Reply:
    rows = [
        {
            "id": commit.oid,
            "title": commit.title,
            "message": commit.message,
            "authors": [{"user": commit.author}],
            "date": api_date(commit.date),
        }
        for commit in request.commit().log()
    ]
    return request.page(rows, min(LOG_PAGE_SIZE, request.hub.page_size))


def _as_json(
    request: Request, repository: Repository, commit: Commit, number: int | None
) -> dict[str, object]:
    url = f"{request.hub.url}/datasets/{repository.name}"
    fields: dict[str, object] = {
        "success": True,
        "commitOid": commit.oid,
        "commitUrl": f"{url}/commit/{commit.oid}",
        "hookOutput": "",
    }
    if number is not None:
        fields["pullRequestUrl"] = f"{url}/discussions/{number}"
    return fields
