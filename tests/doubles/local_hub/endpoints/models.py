"""Models: whether a model exists, and the metadata of its card.

Not covered: the files and revisions of a model; every revision gives the same answer.
"""

from ..errors import Refused
from ..messages import Reply, Request, json_reply
from ..routes import route


@route("GET", "/api/models/{repo}")
def describe(request: Request) -> Reply:
    return _described(request)


@route("GET", "/api/models/{repo}/revision/{revision}")
def describe_revision(request: Request) -> Reply:
    return _described(request)


def _described(request: Request) -> Reply:
    name = request.parameters["repo"]
    if name not in request.hub.models:
        raise Refused(404, "Repository not found", "RepoNotFound")
    return json_reply({"id": name, "cardData": request.hub.models[name]})
