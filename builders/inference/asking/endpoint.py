"""One server as a run sees it: how much it is sent, what its replies mean, and whether it is there at all.

In: the body of a chat completion. Out: a `Completion` or a `Refusal`; or `Lost` when neither came, with what
that says of the server. An endpoint is open, resting (the server asked for a pause), down (nobody answers; it
is looked after until it comes back) or closed: it refuses every request alike, for want of a key or credit,
or since it serves another model now.
Not covered: which request goes where, and when one is given up (`dispatch`); streaming.
Tested in tests/builders/inference/asking/test_servers_together.py.
"""

import asyncio
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from builders.inference.answers import Completion, NoAnswer, Refusal, parsed, read_answers
from builders.inference.asking.limit import Limit
from builders.inference.asking.queue import Queue
from builders.inference.errors import InferenceError, ServerDown
from builders.inference.servers.load import PATH as LOAD_PATH
from builders.inference.servers.load import Load, read_load
from builders.inference.servers.server import Server, changed
from builders.inference.transport import Broken, Reply, Transport

MIN_LOSSES = 8  # in a row, before a server is held to be broken; fewer may be the fault of the requests
MAX_REST_S = 60.0
LOAD_EVERY_S, LOAD_TIMEOUT_S = 1.0, 10.0
LOOK_TIMEOUT_S = 300.0  # for a look at a server that is there, but may be busy with all that it was sent
TRUSTED_S = 1.0  # after a look at who answers; no server with another model is up in less
_BUSY_STATUSES = (429, 503, 529)
_PASSING_STATUSES = (408, 409)
# Not about one request but about all: no key, no credit, no such model or address.
_CLOSING_STATUSES = {
    401: "the server refuses the key",
    402: "the account is out of credit",
    403: "the server refuses the key or the account",  # or, once it has answered, this one request
}
_TOO_LONG = re.compile(
    r"context.?(length|size|window)|too many tokens|maximum.{0,40}tokens|exceed|too long|longer than",
    re.IGNORECASE,
)
_N_DETAIL_CHARS = 500
Cause = Literal["request", "busy", "gone"]


class Lost(Exception):
    """No answer this time.

    `label` counts it with its like, `cause` says whose it may be: the request's (or the server's; trying
    again tells), that of a server that is busy, or of one that is gone.
    """

    def __init__(self, label: str, reason: str, cause: Cause = "request"):
        super().__init__(reason)
        self.label = label
        self.cause = cause


class Closed(Exception):
    """The server will answer nobody."""


class Endpoint:
    """The way to one server; belongs to the event loop of its transport."""

    def __init__(self, server: Server, transport: Transport, most: int, timeout_s: float):
        self.server = server
        self.limit = Limit(most, timeout_s, server.n_cache_tokens)
        self.queue = Queue(prefills=server.engine == "sglang")
        self.n_in_flight = 0
        self.samples_at_once = server.samples_at_once
        self.extras: dict[str, Any] = {"return_meta_info": True} if server.engine == "sglang" else {}
        self.closed: str | None = None
        self.down: str | None = None
        self.trouble: str | None = None
        """What failed last, since when nothing has been answered."""
        self.troubled_since: float | None = None
        self.resting_until = 0.0
        self._transport = transport
        self._timeout_s = timeout_s
        self._has_answered = False
        self._n_losses_in_a_row = 0
        self._rest_s = 0.5
        self._strained_at = 0.0
        self._looking = asyncio.Lock()
        self._looked_at = time.monotonic()

    @property
    def is_open(self) -> bool:
        """Whether the server is there and answers, if perhaps not at once."""
        return self.closed is None and self.down is None

    @property
    def has_room(self) -> bool:
        """Whether another request may go out now."""
        return self.is_open and self.n_in_flight < self.limit.value and time.monotonic() >= self.resting_until

    async def send(self, body: bytes, is_prefill: bool = False) -> Completion | Refusal:
        """Sends a request once; raises Lost or Closed. A prefill tells nothing of how fast answers come."""
        sent = self.limit.sent(time.monotonic(), 0 if is_prefill else self.n_in_flight)
        try:
            url = f"{self.server.base_url}/chat/completions"
            reply = await self._transport.post(url, self.server.headers(), body, self._timeout_s)
            if reply.is_first:
                await self._look_who_answers()
            outcome = self._read(reply)
        except Broken as broken:
            cause: Cause = "gone" if broken.kind == "unreachable" else "request"
            lost = Lost(broken.kind, self._clean(str(broken)), cause)
            self._note(lost, sent.at_s, strained=broken.kind == "timeout")
            raise lost from None
        except Lost as lost:
            self._note(lost, sent.at_s, strained=lost.cause == "busy")
            raise
        if isinstance(outcome, Completion):
            self._has_answered = True
            self._rest_s = 0.5
            self.limit.answered(sent, time.monotonic(), outcome.n_completion_tokens)
        self.trouble = self.troubled_since = None
        self._n_losses_in_a_row = 0
        return outcome

    async def follow_load(self, on_news: Callable[[], None]) -> None:
        """Looks again and again at what the server runs and what waits there; does not return."""
        told_at_s = 0.0
        while True:
            await asyncio.sleep(LOAD_EVERY_S)
            load = await self._load() if self.is_open and self.n_in_flight else None
            if load and load.told_at_s > told_at_s:  # a busy server tells late, the same again and again
                told_at_s = load.told_at_s
                self.limit.told(load, self.n_in_flight)
                on_news()

    def comes_back(self) -> None:
        """The server was found again."""
        self.down = None
        self._n_losses_in_a_row = 0
        self.limit.anew()
        self.queue.cools()

    def _note(self, lost: Lost, sent_at_s: float, strained: bool) -> None:
        now = time.monotonic()
        self.trouble = str(lost)
        if self.troubled_since is None:
            self.troubled_since = now
        if lost.cause != "busy":  # a busy server is there
            self._n_losses_in_a_row += 1
        if strained and sent_at_s >= self._strained_at:  # once for all that were in flight together
            self.limit.strained()
            self._strained_at = now
        if lost.cause == "gone" or self._n_losses_in_a_row >= max(MIN_LOSSES, self.limit.value):
            self.down = str(lost)

    async def _load(self) -> Load | None:
        url = f"{self.server.base_url.removesuffix('/v1')}/{LOAD_PATH}"
        try:
            reply = await self._transport.get(url, self.server.headers(), LOAD_TIMEOUT_S)
        except (Broken, InferenceError):  # answers, or none, tell what is wrong
            return None
        return read_load(reply.body)

    async def _look_who_answers(self) -> None:
        """A new connection may lead to a server that was started anew, with another model.

        Its replies do not tell; so no reply over a new connection counts before the server was asked again.
        """
        async with self._looking:
            if time.monotonic() - self._looked_at <= TRUSTED_S:
                return
            try:
                self.closed = await asyncio.to_thread(changed, self.server, LOOK_TIMEOUT_S)
            except ServerDown as error:
                raise Lost("unreachable", str(error), "gone") from None
            if self.closed:
                raise Closed(self.closed)
            self._looked_at = time.monotonic()

    def _read(self, reply: Reply) -> Completion | Refusal:
        status = reply.status
        if reply.is_success:
            try:
                return read_answers(reply.body, self.server.model)
            except NoAnswer as error:
                raise Lost("no whole answer", str(error)) from None
        said = self._clean(_message(reply.body))
        if status in _BUSY_STATUSES:
            self._rest(_retry_after_s(reply.retry_after))
            raise Lost(f"HTTP {status}", f"HTTP {status}: {said}", "busy")
        if status in _PASSING_STATUSES or status >= 500:
            raise Lost(f"HTTP {status}", f"HTTP {status}: {said}")
        if status in _CLOSING_STATUSES and not (status == 403 and self._has_answered):
            self.closed = f"{_CLOSING_STATUSES[status]}: {said}"
            raise Closed(self.closed)
        if status == 404 or status < 400:
            where = self.server.base_url
            self.closed = f"{self.server.model} is no longer served at {where}: HTTP {status} {said}"
            raise Closed(self.closed)
        too_long = status == 413 or _TOO_LONG.search(said)
        return Refusal("context_too_long" if too_long else "rejected", f"HTTP {status}: {said}")

    def _rest(self, wanted_s: float) -> None:
        """Pause as long as the server wants, or twice as long as the last time."""
        now = time.monotonic()
        if not wanted_s and now >= self.resting_until:
            wanted_s, self._rest_s = self._rest_s, min(2 * self._rest_s, MAX_REST_S)
        self.resting_until = max(self.resting_until, now + wanted_s)

    def _clean(self, text: str) -> str:
        return self.server.masked(text)[:_N_DETAIL_CHARS]


def _retry_after_s(value: str) -> float:
    """Seconds from the Retry-After header, which holds seconds or a date; 0 without one."""
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return 0.0


def _message(body: bytes) -> str:
    """The server's words about an error, from the usual places of a JSON body, else the body as it is."""
    text = body.decode("utf-8", "replace")
    try:
        found: Any = parsed(body)
    except ValueError:
        return text
    for name in ("error", "message", "detail"):
        if isinstance(found, dict) and name in found:
            found = found[name]
    return found if isinstance(found, str) else text
