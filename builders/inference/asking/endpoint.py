"""The endpoint: one server as a client sees it, with its queue, its limit, its state and what replies mean.

In: the body of a chat completion. Out: a `Completion` or a `Refusal`; or `Lost` if neither came, with what
that says about the server. An endpoint is open, resting (the server asked for a pause), down (nothing
answers; it is watched until it is back) or closed: the server refuses every request, because the key or the
credit is missing or because it serves a different model now.
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

MIN_LOSSES = 8  # in a row, before a server counts as broken; fewer may be the fault of the requests
MAX_REST_S = 60.0
LOAD_EVERY_S, LOAD_TIMEOUT_S = 1.0, 10.0
CHECK_TIMEOUT_S = 300.0  # for the check of a server that runs, but may be busy with all that it was sent
CHECK_HOLDS_S = 1.0  # a check of the model holds this long: no server with a different model starts sooner
_BUSY_STATUSES = (429, 503, 529)
_TRANSIENT_STATUSES = (408, 409)
# These concern all requests and not only one: no key, no credit, no such model or address.
_CLOSING_STATUSES = {
    401: "the server refuses the key",
    402: "the account is out of credit",
    403: "the server refuses the key or the account",  # if it has answered before: only this request
}
_TOO_LONG = re.compile(
    r"context.?(length|size|window)|too many tokens|maximum.{0,40}tokens|exceed|too long|longer than",
    re.IGNORECASE,
)
_N_DETAIL_CHARS = 500
Cause = Literal["request", "busy", "gone"]


class Lost(Exception):
    """An error: a request got no answer this time.

    `label` is the name under which it is counted. `cause` is what may be at fault: "request" (or the server;
    another try shows which), "busy" (the server is overloaded) or "gone" (the server cannot be reached).
    """

    def __init__(self, label: str, reason: str, cause: Cause = "request"):
        super().__init__(reason)
        self.label = label
        self.cause = cause


class Closed(Exception):
    """An error: the server refuses every request."""


class Endpoint:
    """A server with its queue, limit and state; it belongs to the event loop of its transport."""

    def __init__(self, server: Server, transport: Transport, most: int, timeout_s: float):
        self.server = server
        self.limit = Limit(most, timeout_s, server.n_cache_tokens)
        self.queue = Queue(prefills=server.engine == "sglang")
        self.n_in_flight = 0
        self.samples_at_once = server.samples_at_once
        self.extra_fields: dict[str, Any] = {"return_meta_info": True} if server.engine == "sglang" else {}
        self.closed: str | None = None
        """Why the server refuses every request, if it does."""
        self.down: str | None = None
        """Why no request reaches the server, if none does."""
        self.last_failure: str | None = None
        """The last failure, if no answer came after it."""
        self.failing_since: float | None = None
        self.resting_until = 0.0
        self._transport = transport
        self._timeout_s = timeout_s
        self._has_answered = False
        self._n_losses_in_a_row = 0
        self._rest_s = 0.5
        self._backed_off_at = 0.0
        self._checking = asyncio.Lock()
        self._checked_at = time.monotonic()

    @property
    def is_open(self) -> bool:
        """Whether the server is neither closed nor down; it may be resting."""
        return self.closed is None and self.down is None

    @property
    def has_room(self) -> bool:
        """Whether another request may go out now."""
        return self.is_open and self.n_in_flight < self.limit.value and time.monotonic() >= self.resting_until

    async def send(self, body: bytes, is_prefill: bool = False) -> Completion | Refusal:
        """Send a request once; raise Lost or Closed. The limit is not judged by prefill requests."""
        sent = self.limit.sent(time.monotonic(), 0 if is_prefill else self.n_in_flight)
        try:
            url = f"{self.server.base_url}/chat/completions"
            reply = await self._transport.post(url, self.server.headers(), body, self._timeout_s)
            if reply.is_first:
                await self._check_model()
            outcome = self._outcome(reply)
        except Broken as broken:
            cause: Cause = "gone" if broken.kind == "unreachable" else "request"
            lost = Lost(broken.kind, self._detail(str(broken)), cause)
            self._count_loss(lost, sent.at_s, overloaded=broken.kind == "timeout")
            raise lost from None
        except Lost as lost:
            self._count_loss(lost, sent.at_s, overloaded=lost.cause == "busy")
            raise
        if isinstance(outcome, Completion):
            self._has_answered = True
            self._rest_s = 0.5
            self.limit.answered(sent, time.monotonic(), outcome.n_completion_tokens)
        self.last_failure = self.failing_since = None
        self._n_losses_in_a_row = 0
        return outcome

    async def follow_load(self, on_news: Callable[[], None]) -> None:
        """Poll the server's load for as long as the task runs, adjust the limit, and call `on_news`."""
        last_report_at_s = 0.0
        while True:
            await asyncio.sleep(LOAD_EVERY_S)
            load = await self._read_load() if self.is_open and self.n_in_flight else None
            if load and load.reported_at_s > last_report_at_s:  # a busy server repeats an old report
                last_report_at_s = load.reported_at_s
                self.limit.adjust_to_load(load, self.n_in_flight)
                on_news()

    def reopen(self) -> None:
        """Open the endpoint again when its server is back: with a limit of 1, and no prefix in its cache."""
        self.down = None
        self._n_losses_in_a_row = 0
        self.limit.reset()
        self.queue.forget_prefixes()

    def _count_loss(self, lost: Lost, sent_at_s: float, overloaded: bool) -> None:
        """Count a request that was lost; after too many in a row, the endpoint is down."""
        now = time.monotonic()
        self.last_failure = str(lost)
        if self.failing_since is None:
            self.failing_since = now
        if lost.cause != "busy":  # a busy server is not broken
            self._n_losses_in_a_row += 1
        if overloaded and sent_at_s >= self._backed_off_at:  # count once for all that were in flight
            self.limit.back_off()
            self._backed_off_at = now
        if lost.cause == "gone" or self._n_losses_in_a_row >= max(MIN_LOSSES, self.limit.value):
            self.down = str(lost)

    async def _read_load(self) -> Load | None:
        url = f"{self.server.base_url.removesuffix('/v1')}/{LOAD_PATH}"
        try:
            reply = await self._transport.get(url, self.server.headers(), LOAD_TIMEOUT_S)
        except (Broken, InferenceError):  # the requests themselves will show what is wrong
            return None
        return read_load(reply.body)

    async def _check_model(self) -> None:
        """Raise Closed if the server has a different model now, and Lost if it cannot be asked.

        A new connection may lead to a server that was started again with a different model. Its replies do
        not show that, so the first reply over a new connection counts only after this check.
        """
        async with self._checking:
            if time.monotonic() - self._checked_at <= CHECK_HOLDS_S:
                return
            try:
                self.closed = await asyncio.to_thread(changed, self.server, CHECK_TIMEOUT_S)
            except ServerDown as error:
                raise Lost("unreachable", str(error), "gone") from None
            if self.closed:
                raise Closed(self.closed)
            self._checked_at = time.monotonic()

    def _outcome(self, reply: Reply) -> Completion | Refusal:
        """Return what a reply means for its request; raise Lost or Closed if it is not an outcome."""
        status = reply.status
        if reply.is_success:
            try:
                return read_answers(reply.body, self.server.model)
            except NoAnswer as error:
                raise Lost("no whole answer", str(error)) from None
        message = self._detail(_error_message(reply.body))
        if status in _BUSY_STATUSES:
            self._rest(_retry_after_s(reply.retry_after))
            raise Lost(f"HTTP {status}", f"HTTP {status}: {message}", "busy")
        if status in _TRANSIENT_STATUSES or status >= 500:
            raise Lost(f"HTTP {status}", f"HTTP {status}: {message}")
        if status in _CLOSING_STATUSES and not (status == 403 and self._has_answered):
            self.closed = f"{_CLOSING_STATUSES[status]}: {message}"
            raise Closed(self.closed)
        if status == 404 or status < 400:
            url = self.server.base_url
            self.closed = f"{self.server.model} is no longer served at {url}: HTTP {status} {message}"
            raise Closed(self.closed)
        too_long = status == 413 or _TOO_LONG.search(message)
        return Refusal("context_too_long" if too_long else "rejected", f"HTTP {status}: {message}")

    def _rest(self, pause_s: float) -> None:
        """Send nothing for `pause_s`, or, if that is 0, for twice as long as the last time."""
        now = time.monotonic()
        if not pause_s and now >= self.resting_until:
            pause_s, self._rest_s = self._rest_s, min(2 * self._rest_s, MAX_REST_S)
        self.resting_until = max(self.resting_until, now + pause_s)

    def _detail(self, text: str) -> str:
        """Return the first characters of a text for a row or the user, with the API key masked."""
        return self.server.masked(text)[:_N_DETAIL_CHARS]


def _retry_after_s(value: str) -> float:
    """Return the seconds to wait from a Retry-After header, which holds seconds or a date; 0 without one."""
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return 0.0


def _error_message(body: bytes) -> str:
    """Return the server's words about an error: from the usual fields of a JSON body, else the whole body."""
    text = body.decode("utf-8", "replace")
    try:
        value: Any = parsed(body)
    except ValueError:
        return text
    for name in ("error", "message", "detail"):
        if isinstance(value, dict) and name in value:
            value = value[name]
    return value if isinstance(value, str) else text
