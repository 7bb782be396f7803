"""Pull requests, as far as opening and reading them; what is in them is under `refs/pr/N`.

Not covered: plain discussions, comments, merging and closing.
"""

from ..errors import Refused, bad_request
from ..exchange import Call, Reply, json_reply, member
from ..history import MAIN, api_date
from ..routes import route

TITLE_LENGTH_MIN = 3


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


@route("GET", "/api/datasets/{repo}/discussions/{number}")
def describe(call: Call) -> Reply:
    repository = call.repository()
    for made in list(repository.pull_requests):
        if str(made.number) == call.names["number"]:
            break
    else:
        raise Refused(404, "Discussion not found")
    author, date = {"name": made.author}, api_date(made.date)
    said = {"edited": False, "hidden": False, "latest": {"raw": made.description}}
    return json_reply(
        {
            "num": made.number,
            "title": made.title,
            "status": made.status,
            "author": author,
            "createdAt": date,
            "isPullRequest": True,
            "repo": {"name": repository.name, "type": "dataset"},
            "events": [{"id": "0", "type": "comment", "author": author, "createdAt": date, "data": said}],
            "changes": {"base": MAIN},
            "filesWithConflicts": [],
            "diff": "",
        }
    )
