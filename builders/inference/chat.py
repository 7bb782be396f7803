"""One chat completion over HTTP, tried again while there is hope.

In: a request body. Out: an `Answer` or a `Refusal`; or `Lost` when it stays open. Tried again, with growing
pauses or after the server's own Retry-After: broken connections, timeouts, 408, 409, 429, 5xx, and replies
that hold no whole answer. A server that is plainly gone, or refuses every request alike (key, credit,
unknown model), is not asked any further: `Line.dead` says why.
Not covered: streaming.
"""

import asyncio
import re
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
    stop_before_delay,
    wait_exponential,
    wait_random,
)

from builders.inference.answers import Answer, NoAnswer, Refusal, parsed, read_answer
from builders.inference.server import Server

N_TRIES = 5
_BACKOFF = wait_exponential(multiplier=0.5, max=30) + wait_random(0, 0.5)
_PASSING_STATUSES = (408, 409, 429)
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


class Lost(Exception):
    """No answer this time; `unreachable` when not even a connection came about."""

    def __init__(self, reason: str, retry_after_s: float = 0, unreachable: bool = False):
        super().__init__(reason)
        self.retry_after_s = retry_after_s
        self.unreachable = unreachable


class Closed(Exception):
    """The server will answer nobody for now."""


class Line:
    """The connection of one batch of requests to a server; all of them share what they learn about it."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        server: Server,
        timeout_s: float,
        patience_s: float,
        n_losses_at_most: int,
    ):
        self._http = http
        self._server = server
        self._timeout_s = timeout_s
        self._patience_s = patience_s
        self._n_losses_at_most = n_losses_at_most
        self._last_reply = 0.0
        self._has_answered = False
        self.n_losses_in_a_row = 0
        self.dead: str | None = None

    async def complete(self, body: bytes) -> Answer | Refusal:
        """Sends a request until it is answered or refused; raises Lost or Closed."""
        started = time.monotonic()
        tries = AsyncRetrying(
            retry=retry_if_exception_type(Lost),
            stop=stop_after_attempt(N_TRIES) | stop_before_delay(self._patience_s),
            wait=_pause_s,
            reraise=True,
        )
        try:
            outcome: Answer | Refusal = await tries(self._send, body)
        except Lost as lost:
            self.n_losses_in_a_row += 1
            nobody_home = lost.unreachable and self._last_reply < started
            if nobody_home or self.n_losses_in_a_row >= self._n_losses_at_most:
                self.dead = str(lost)
            raise
        self.n_losses_in_a_row = 0
        return outcome

    async def _send(self, body: bytes) -> Answer | Refusal:
        if self.dead is not None:
            raise Closed(self.dead)
        try:
            async with asyncio.timeout(self._timeout_s):
                response = await self._http.post(f"{self._server.base_url}/chat/completions", content=body)
        except TimeoutError:
            raise Lost(f"no answer within {self._timeout_s:g} s") from None
        except (httpx.ConnectError, httpx.ConnectTimeout):
            raise Lost("the server cannot be reached", unreachable=True) from None
        except httpx.HTTPError as error:
            raise Lost(f"the connection broke: {self._clean(str(error) or type(error).__name__)}") from None
        self._last_reply = time.monotonic()
        return self._read(response)

    def _read(self, response: httpx.Response) -> Answer | Refusal:
        status = response.status_code
        if response.is_success:
            try:
                answer = read_answer(response.content)
            except NoAnswer as error:
                raise Lost(str(error)) from None
            self._has_answered = True
            return answer
        said = self._clean(_message(response))
        if status in _PASSING_STATUSES or status >= 500:
            raise Lost(f"HTTP {status}: {said}", retry_after_s=_retry_after_s(response))
        if status in _CLOSING_STATUSES and not (status == 403 and self._has_answered):
            self.dead = f"{_CLOSING_STATUSES[status]}: {said}"
            raise Closed(self.dead)
        if status == 404 or status < 400:
            self.dead = (
                f"{self._server.model} is no longer served at {self._server.base_url}: HTTP {status} {said}"
            )
            raise Closed(self.dead)
        too_long = status == 413 or _TOO_LONG.search(said)
        return Refusal("context_too_long" if too_long else "rejected", f"HTTP {status}: {said}")

    def _clean(self, text: str) -> str:
        return self._server.masked(text)[:_N_DETAIL_CHARS]


def _pause_s(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    wanted_s = error.retry_after_s if isinstance(error, Lost) else 0
    return max(wanted_s, _BACKOFF(state))


def _retry_after_s(response: httpx.Response) -> float:
    """Seconds from the Retry-After header, which holds seconds or a date; 0 without one."""
    value = response.headers.get("Retry-After", "")
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return 0.0


def _message(response: httpx.Response) -> str:
    """The server's words about an error, from the usual places of a JSON body, else the body as it is."""
    try:
        body: Any = parsed(response.content)
    except ValueError:
        return response.text
    for name in ("error", "message", "detail"):
        if isinstance(body, dict) and name in body:
            body = body[name]
    return body if isinstance(body, str) else response.text
