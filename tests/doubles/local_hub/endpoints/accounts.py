"""The sender of a request and its rights."""

from ..messages import Reply, Request, json_reply
from ..routes import route


@route("GET", "/api/whoami-v2")
def whoami(request: Request) -> Reply:
    return json_reply(request.sender().as_json())


@route("GET", "/api/datasets/{repo}/auth-check")
def check_read_access(request: Request) -> Reply:
    request.repository()
    return json_reply({})


@route("GET", "/api/datasets/{repo}/auth-check/write")
def check_write_access(request: Request) -> Reply:
    request.writable_repository("write")
    return json_reply({})
