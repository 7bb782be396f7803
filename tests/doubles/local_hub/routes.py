"""The routes: which endpoint answers which request.

In: a method, and a path as it was sent: still percent-encoded, so that a revision such as `refs/pr/1` or a
folder is one segment. Out: the route, and the decoded variable parts of the path by name.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from .errors import Refused
from .messages import Reply, Request

Endpoint = Callable[[Request], Reply]
_PARTS = {"repo": r"[^/]+/[^/]+", "path": r".+"}  # any other part is one segment


@dataclass(frozen=True)
class Route:
    methods: tuple[str, ...]
    template: str
    pattern: re.Pattern[str]
    endpoint: Endpoint


_ROUTES: list[Route] = []


def route(methods: str, template: str) -> Callable[[Endpoint], Endpoint]:
    """Register the decorated endpoint for methods (separated by spaces) and the paths of a template."""
    pattern = re.sub(r"\\{(\w+)\\}", _group, re.escape(template))

    def register(endpoint: Endpoint) -> Endpoint:
        _ROUTES.append(Route(tuple(methods.split()), template, re.compile(pattern), endpoint))
        return endpoint

    return register


def find_route(method: str, path: str) -> tuple[Route, dict[str, str]]:
    """Return the route for a request, and the variable parts of its path."""
    matches: Sequence[tuple[Route, re.Match[str]]] = [
        (candidate, match) for candidate in _ROUTES if (match := candidate.pattern.fullmatch(path))
    ]
    for candidate, match in matches:
        if method in candidate.methods:
            return candidate, {name: unquote(part) for name, part in match.groupdict().items()}
    if matches:
        raise Refused(405, f"Method {method} not allowed for {path}")
    raise Refused(404, f"Sorry, we can't find the page you are looking for: {path}")


def _group(match: re.Match[str]) -> str:
    return f"(?P<{match[1]}>{_PARTS.get(match[1], '[^/]+')})"
