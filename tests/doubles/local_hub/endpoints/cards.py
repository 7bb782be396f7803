"""The check of a README.md that clients request before they upload anything."""

from ..card import errors_and_warnings
from ..messages import Reply, Request, json_reply, member
from ..routes import route


@route("POST", "/api/validate-yaml")
def validate(request: Request) -> Reply:
    errors, warnings = errors_and_warnings(member(request.json(), "content", str))
    findings = {
        "errors": [{"message": message} for message in errors],
        "warnings": [{"message": message} for message in warnings],
    }
    return json_reply(findings, 400 if errors else 200)
