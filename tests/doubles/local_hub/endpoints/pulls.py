"""Pull requests: opening, listing and reading them; their files are under `refs/pr/N`.

Not covered: plain discussions, comments, merging and closing.
"""

from ..errors import Refused, bad_request
from ..history import MAIN, PullRequest, Repository, api_date
from ..messages import Reply, Request, json_reply, member
from ..routes import route

TITLE_LENGTH_MIN = 3
PAGE_SIZE = 50


@route("POST", "/api/datasets/{repo}/discussions")
def open_pull_request(request: Request) -> Reply:
    repository = request.writable_repository("open a pull request", is_pull_request=True)
    fields = request.json()
    title = member(fields, "title", str)
    if fields.get("pullRequest") is not True:
        raise bad_request("This hub has pull requests only")
    if len(title) < TITLE_LENGTH_MIN:
        raise bad_request("The title is too short")
    description = member(fields, "description", str, "")
    main = repository.refs[MAIN]
    pull_request = repository.open_pull_request(title, description, request.sender().name, "draft", main)
    url = f"{request.hub.url}/datasets/{repository.name}/discussions/{pull_request.number}"
    return json_reply({"num": pull_request.number, "pullRequest": True, "url": url})


@route("GET", "/api/datasets/{repo}/discussions")
def list_pull_requests(request: Request) -> Reply:
    """Reply with the pull requests; all of them are open, because they cannot be closed here."""
    repository = request.repository()
    kind, status = request.query.get("type", "all"), request.query.get("status", "all")
    is_included = kind in ("all", "pull_request") and status in ("all", "open")
    pull_requests = list(reversed(repository.pull_requests)) if is_included else []
    page_size = min(PAGE_SIZE, request.hub.page_size)
    page = request.query.get("p", "0")
    if not page.isdecimal():
        raise bad_request(f"Invalid page: {page}")
    start = int(page) * page_size
    rows = [_row(repository, pull_request) for pull_request in pull_requests[start : start + page_size]]
    return json_reply({"discussions": rows, "count": len(pull_requests), "start": start})


@route("GET", "/api/datasets/{repo}/discussions/{number}")
def describe_pull_request(request: Request) -> Reply:
    repository = request.repository()
    for pull_request in list(repository.pull_requests):
        if str(pull_request.number) == request.parameters["number"]:
            break
    else:
        raise Refused(404, "Discussion not found")
    row = _row(repository, pull_request)
    content = {"edited": False, "hidden": False, "latest": {"raw": pull_request.description}}
    return json_reply(
        {
            **row,
            "events": [{**row, "id": "0", "type": "comment", "data": content}],
            "changes": {"base": MAIN},
            "filesWithConflicts": [],
            "diff": "",
        }
    )


def _row(repository: Repository, pull_request: PullRequest) -> dict[str, object]:
    return {
        "num": pull_request.number,
        "title": pull_request.title,
        "status": pull_request.status,
        "author": {"name": pull_request.author},
        "createdAt": api_date(pull_request.date),
        "isPullRequest": True,
        "repo": {"name": repository.name, "type": "dataset"},
    }
