"""Models: whether one exists, and the metadata of its card.

Not covered: its files and revisions; every revision gives the same answer.
"""

from ..errors import Refused
from ..exchange import Call, Reply, json_reply
from ..routes import route


@route("GET", "/api/models/{repo}")
def describe(call: Call) -> Reply:
    return _described(call)


@route("GET", "/api/models/{repo}/revision/{revision}")
def describe_revision(call: Call) -> Reply:
    return _described(call)


def _described(call: Call) -> Reply:
    name = call.names["repo"]
    if name not in call.hub.models:
        raise Refused(404, "Repository not found", "RepoNotFound")
    return json_reply({"id": name, "cardData": call.hub.models[name]})
