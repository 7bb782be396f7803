"""Commits: creating and listing them."""

from ..commits import read
from ..errors import Refused, bad_request
from ..exchange import Call, Reply, json_reply
from ..faults import WORDS
from ..history import Commit, Repository, api_date, new_commit
from ..routes import route

LOG_PAGE_SIZE = 50


@route("POST", "/api/datasets/{repo}/commit/{revision}")
def commit(call: Call) -> Reply:
    is_proposal, revision = call.is_on("create_pr"), call.names["revision"]
    repository = call.writable("commit to a dataset", is_proposal=is_proposal)
    if call.headers.get("Content-Type") != "application/x-ndjson":
        raise bad_request("A commit must be sent as application/x-ndjson")
    draft = read(call.body.read(), repository.objects)
    with repository.lock:
        ref = repository.ref(revision)
        base = repository.refs[ref]
        if draft.parent_id and draft.parent_id != base.oid:
            if not is_proposal:
                raise Refused(412, WORDS[412])
            base = repository.find(draft.parent_id)  # a pull request may start at an earlier commit
        name = call.sender().name
        made = new_commit(draft.applied(base.tree), base, draft.title, draft.message, name)
        number = None
        if is_proposal:
            number = repository.open_pull_request(draft.title, draft.message, name, "open", made).number
        else:
            repository.commit(ref, made)
    return json_reply(_said(call, repository, made, number))


@route("GET", "/api/datasets/{repo}/commits/{revision}")
def log(call: Call) -> Reply:
    rows = [
        {
            "id": commit.oid,
            "title": commit.title,
            "message": commit.message,
            "authors": [{"user": commit.author}],
            "date": api_date(commit.date),
        }
        for commit in call.commit().log()
    ]
    return call.page(rows, min(LOG_PAGE_SIZE, call.hub.page_size))


def _said(call: Call, repository: Repository, made: Commit, number: int | None) -> dict[str, object]:
    address = f"{call.hub.url}/datasets/{repository.name}"
    said: dict[str, object] = {
        "success": True,
        "commitOid": made.oid,
        "commitUrl": f"{address}/commit/{made.oid}",
        "hookOutput": "",
    }
    if number is not None:
        said["pullRequestUrl"] = f"{address}/discussions/{number}"
    return said
