"""The check of a README.md that clients request before they upload anything."""

from ..card import problems
from ..exchange import Call, Reply, json_reply, member
from ..routes import route


@route("POST", "/api/validate-yaml")
def validate(call: Call) -> Reply:
    errors, warnings = problems(member(call.json(), "content", str))
    said = {
        "errors": [{"message": message} for message in errors],
        "warnings": [{"message": message} for message in warnings],
    }
    return json_reply(said, 400 if errors else 200)
