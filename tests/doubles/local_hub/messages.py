"""A request as the endpoints see it, and their reply.

In: a connection from which the head of a request was read. Out: a `Request`, with checked access to body,
query and account, for which an endpoint returns a `Reply`. An invalid request is refused with a 4xx.
Not covered: bodies that are compressed or larger than memory, except for uploads, which are read in chunks.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from io import BufferedIOBase
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qs, urlencode

from .accounts import Account, may_see
from .errors import ConnectionLost, Refused, bad_request, repository_not_found
from .history import Commit, Repository

if TYPE_CHECKING:
    from .hub import LocalHub

CHUNK_BYTES = 1 << 16
T = TypeVar("T")


@dataclass(frozen=True)
class Reply:
    """A reply with `body`, or with `n_bytes` of `file` from the byte `first` on."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    file: Path | None = None
    first: int = 0
    n_bytes: int = 0


def json_reply(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    content_type = {"Content-Type": "application/json; charset=utf-8"}
    return Reply(status, json.dumps(value).encode(), {**content_type, **(headers or {})})


class Body:
    """The body of a request; if it ends before its announced length, the connection counts as lost."""

    def __init__(self, stream: BufferedIOBase, headers: Message) -> None:
        self._stream = stream
        self._is_chunked = "chunked" in headers.get("Transfer-Encoding", "").lower()
        length = headers.get("Content-Length", "0")
        if not (length.isascii() and length.isdigit()):
            raise bad_request("Invalid Content-Length")
        self._n_left = 0 if self._is_chunked else int(length)
        self._n_allowed: int | None = None
        self.n_bytes = 0

    def disconnect_after(self, n_bytes: int) -> None:
        """Raise ConnectionLost when `n_bytes` of the body have been read."""
        self._n_allowed = n_bytes

    def chunks(self) -> Iterator[bytes]:
        while True:
            if not self._n_left and self._is_chunked:
                self._n_left = self._next_length()
            if not self._n_left:
                return
            chunk = self._read(min(self._n_left, CHUNK_BYTES))
            self._n_left -= len(chunk)
            yield chunk
            if not self._n_left and self._is_chunked:
                self._stream.readline()

    def read(self) -> bytes:
        return b"".join(self.chunks())

    def _next_length(self) -> int:
        try:
            length = int(self._stream.readline().split(b";")[0], 16)
        except ValueError:
            raise ConnectionLost from None
        if length <= 0:
            self._stream.readline()
            self._is_chunked = False
        return max(length, 0)

    def _read(self, n_bytes: int) -> bytes:
        if self._n_allowed is not None:
            n_bytes = min(n_bytes, self._n_allowed - self.n_bytes)
        chunk = self._stream.read(n_bytes) if n_bytes else b""
        if not chunk:
            raise ConnectionLost
        self.n_bytes += len(chunk)
        return chunk


@dataclass
class Request:
    """A request to an endpoint; `parameters` are the variable parts of its path."""

    hub: "LocalHub"
    method: str
    path: str  # quoted
    query: Mapping[str, str]
    headers: Message  # the case of a name does not matter
    body: Body
    parameters: Mapping[str, str]
    account: Account | None

    def sender(self) -> Account:
        """Return the account that sends the request; raise Refused without one."""
        if self.account is None:
            raise Refused(401, "Invalid username or password.")
        return self.account

    def repository(self, name: str | None = None) -> Repository:
        """Return a repository, by default that of the path; raise Refused if the sender may not see it."""
        repository = self.hub.repositories.get(name or self.parameters["repo"])
        if repository is None or not may_see(self.account, repository):
            raise repository_not_found(self.account is not None)
        return repository

    def writable_repository(
        self, action: str, name: str | None = None, is_pull_request: bool = False
    ) -> Repository:
        """Return the repository if the sender may write to it; any account may open a pull request."""
        repository = self.repository(name)
        self.sender().check_writing(self.sender().name if is_pull_request else repository.owner, action)
        return repository

    def commit(self) -> Commit:
        """Return the commit of the revision in the path, by default of main."""
        return self.repository().resolve(self.parameters.get("revision", "main"))

    def is_on(self, option: str) -> bool:
        return self.query.get(option, "").lower() in ("1", "true")

    def json(self) -> dict[str, Any]:
        """Read the body as a JSON object."""
        return json_object(self.body.read())

    def form(self) -> dict[str, list[str]]:
        """Read the body as an HTML form, in which clients send long lists."""
        try:
            return parse_qs(self.body.read().decode(), strict_parsing=True)
        except ValueError as error:
            raise bad_request(f"Invalid form: {error}") from error

    def page(self, items: list[Any], size: int) -> Reply:
        """Reply with the page of `items` that the query asks for, and with the address of the next page."""
        cursor = self.query.get("cursor", "0")
        if not (cursor.isascii() and cursor.isdigit()):
            raise bad_request("Invalid cursor")
        start, headers = int(cursor), {}
        if start + size < len(items):
            query = urlencode({**self.query, "cursor": str(start + size)})
            headers["Link"] = f'<{self.hub.url}{self.path}?{query}>; rel="next"'
        return json_reply(items[start : start + size], headers=headers)


def json_object(text: bytes) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise bad_request(f"Invalid JSON: {error}") from error
    if not isinstance(value, dict):
        raise bad_request("Invalid JSON: not an object")
    return value


def member(fields: Mapping[str, Any], name: str, kind: type[T], default: T | None = None) -> T:
    """Return the member `name` of a JSON object; raise Refused if it is missing or of a different type."""
    value = fields.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, kind):
        raise bad_request(f'Invalid input: "{name}" must be of type {kind.__name__}')
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:  # JSON allows halves of surrogate pairs
            raise bad_request(f'Invalid input: "{name}" is not Unicode') from error
    return value
