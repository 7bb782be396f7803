"""The sender of a request and its rights."""

from ..exchange import Call, Reply, json_reply
from ..routes import route


@route("GET", "/api/whoami-v2")
def whoami(call: Call) -> Reply:
    return json_reply(call.sender().as_json())


@route("GET", "/api/datasets/{repo}/auth-check")
def may_read(call: Call) -> Reply:
    call.repository()
    return json_reply({})


@route("GET", "/api/datasets/{repo}/auth-check/write")
def may_write(call: Call) -> Reply:
    call.writable("write")
    return json_reply({})
