"""Pull requests: opening, listing and reading them; their files are under `refs/pr/N`.

Not covered: plain discussions, comments, merging and closing.
"""

from ..errors import Refused, bad_request
from ..exchange import Call, Reply, json_reply, member
from ..history import MAIN, PullRequest, Repository, api_date
from ..routes import route

TITLE_LENGTH_MIN = 3
PAGE_SIZE = 50


@route("POST", "/api/datasets/{repo}/discussions")
def open_one(call: Call) -> Reply:
    repository = call.writable("open a pull request", is_proposal=True)
    asked = call.json()
    title = member(asked, "title", str)
    if asked.get("pullRequest") is not True:
        raise bad_request("This hub has pull requests only")
    if len(title) < TITLE_LENGTH_MIN:
        raise bad_request("The title is too short")
    description = member(asked, "description", str, "")
    main = repository.refs[MAIN]
    made = repository.open_pull_request(title, description, call.sender().name, "draft", main)
    address = f"{call.hub.url}/datasets/{repository.name}/discussions/{made.number}"
    return json_reply({"num": made.number, "pullRequest": True, "url": address})


@route("GET", "/api/datasets/{repo}/discussions")
def listing(call: Call) -> Reply:
    """Reply with the pull requests; all of them are open, because nothing here closes one."""
    repository = call.repository()
    kind, status = call.query.get("type", "all"), call.query.get("status", "all")
    is_asked = kind in ("all", "pull_request") and status in ("all", "open")
    requests = list(reversed(repository.pull_requests)) if is_asked else []
    size = min(PAGE_SIZE, call.hub.page_size)
    page = call.query.get("p", "0")
    if not page.isdecimal():
        raise bad_request(f"Invalid page: {page}")
    start = int(page) * size
    rows = [_row(repository, request) for request in requests[start : start + size]]
    return json_reply({"discussions": rows, "count": len(requests), "start": start})


@route("GET", "/api/datasets/{repo}/discussions/{number}")
def describe(call: Call) -> Reply:
    repository = call.repository()
    for made in list(repository.pull_requests):
        if str(made.number) == call.names["number"]:
            break
    else:
        raise Refused(404, "Discussion not found")
    row = _row(repository, made)
    said = {"edited": False, "hidden": False, "latest": {"raw": made.description}}
    return json_reply(
        {
            **row,
            "events": [{**row, "id": "0", "type": "comment", "data": said}],
            "changes": {"base": MAIN},
            "filesWithConflicts": [],
            "diff": "",
        }
    )


def _row(repository: Repository, request: PullRequest) -> dict[str, object]:
    return {
        "num": request.number,
        "title": request.title,
        "status": request.status,
        "author": {"name": request.author},
        "createdAt": api_date(request.date),
        "isPullRequest": True,
        "repo": {"name": repository.name, "type": "dataset"},
    }
