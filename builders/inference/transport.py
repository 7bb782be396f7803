"""HTTP with libcurl: many requests at once on one event loop, over connections that stay open; or one page.

In: an address, headers, a JSON body. Out: a `Reply` of any status; or `Broken` if no complete reply came.
libcurl does the work outside Python, so one core sends over a thousand requests a second (tests/bench).
Not covered: retries, and what a reply means.
"""

import functools
import os
from contextlib import closing, suppress
from typing import Literal, NamedTuple, Self
from urllib.parse import urlsplit

import certifi
import pycurl

CONNECT_TIMEOUT_S = 20
# Servers close idle connections (llama.cpp after 5 s). We drop ours earlier, so none is reused half-closed.
KEEPALIVE_S = 2
MAX_REPLY_BYTES = 64 << 20
N_IDLE_HANDLES = 1024
# The empty "Expect:" keeps libcurl from asking for permission before it sends a long body.
_HEADERS = ("Content-Type: application/json", "Expect:")
_UNREACHABLE = (
    pycurl.E_COULDNT_CONNECT,
    pycurl.E_COULDNT_RESOLVE_HOST,
    pycurl.E_COULDNT_RESOLVE_PROXY,
    pycurl.E_SSL_CONNECT_ERROR,
    pycurl.E_PEER_FAILED_VERIFICATION,
)


class Reply(NamedTuple):
    """A complete HTTP reply."""

    status: int
    body: bytes
    retry_after: str
    """The Retry-After header; empty if there is none."""
    is_first: bool
    """Whether the reply is the first over a new connection."""

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300


class Broken(Exception):
    """An error: no complete reply came; `kind` is the reason."""

    def __init__(self, kind: Literal["unreachable", "timeout", "broken connection"], reason: str):
        super().__init__(reason)
        self.kind = kind


@functools.lru_cache
def on_this_machine(url: str) -> bool:
    """Return whether the server runs on this machine: then no proxy is used, and its paths are valid here."""
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1", "0.0.0.0") or host.startswith("127.")


def read_page(url: str, headers: dict[str, str], timeout_s: float) -> Reply:
    """Return the reply to a GET request, without an event loop; raise Broken after at most `timeout_s`."""
    with closing(_new_handle()) as curl:
        received = _set_up(curl, url, headers, None, timeout_s)
        # libcurl calls this function every second, so that Ctrl+C works while the reply is awaited.
        curl.setopt(pycurl.NOPROGRESS, 0)
        curl.setopt(pycurl.XFERINFOFUNCTION, lambda *_: None)
        try:
            curl.perform()
        except pycurl.error as error:
            raise _broken(error, timeout_s, received) from None
        return _reply(curl, received)


class Transport:
    """All connections of one event loop; an async context manager that closes them."""

    def __init__(self) -> None:
        self._multi = pycurl.AsyncCurlMulti(close_handles=True)
        self._idle: list[pycurl.Curl] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._multi.aclose()
        for curl in self._idle:
            curl.close()

    async def get(self, url: str, headers: dict[str, str], timeout_s: float) -> Reply:
        """Return the reply to a GET request; raise Broken after at most `timeout_s`.

        It uses a connection that no `post` uses, so that a post over a new connection always has `is_first`.
        """
        return await self._send(url, headers, None, timeout_s)

    async def post(self, url: str, headers: dict[str, str], body: bytes, timeout_s: float) -> Reply:
        """Send `body` as JSON and return the reply; raise Broken after at most `timeout_s`."""
        return await self._send(url, headers, body, timeout_s)

    async def _send(self, url: str, headers: dict[str, str], body: bytes | None, timeout_s: float) -> Reply:
        curl = self._idle.pop() if self._idle else _new_handle()
        received = _set_up(curl, url, headers, body, timeout_s)
        try:
            await self._multi.perform(curl)  # if cancelled, it releases the handle a moment later
        except pycurl.error as error:
            curl.close()
            raise _broken(error, timeout_s, received) from None
        reply = _reply(curl, received)
        if len(self._idle) < N_IDLE_HANDLES:
            self._idle.append(curl)
        else:
            curl.close()
        return reply


class _Received:
    """The part of a reply that has come so far."""

    def __init__(self) -> None:
        self.body = bytearray()
        self.retry_after = ""

    def write(self, data: bytes) -> int | None:
        if len(self.body) + len(data) > MAX_REPLY_BYTES:
            return 0  # fewer bytes than `data` has: this makes libcurl abort the transfer
        self.body += data
        return None

    def header(self, line: bytes) -> None:
        if line[:12].lower() == b"retry-after:":
            self.retry_after = line[12:].decode("latin-1").strip()


def _new_handle() -> pycurl.Curl:
    curl = pycurl.Curl()
    curl.setopt(pycurl.NOSIGNAL, 1)  # libcurl's signals are not safe in threads
    curl.setopt(pycurl.CONNECTTIMEOUT, CONNECT_TIMEOUT_S)
    curl.setopt(pycurl.MAXAGE_CONN, KEEPALIVE_S)
    # A machine that vanishes closes no connection: without these, a request would wait for its whole timeout.
    curl.setopt(pycurl.TCP_KEEPALIVE, 1)
    curl.setopt(pycurl.TCP_KEEPIDLE, 30)
    curl.setopt(pycurl.TCP_KEEPINTVL, 15)
    # pycurl's wheel does not know where this machine keeps its certificates.
    curl.setopt(pycurl.CAINFO, os.environ.get("SSL_CERT_FILE") or certifi.where())
    with suppress(pycurl.error):  # from a libcurl without zlib
        curl.setopt(pycurl.ACCEPT_ENCODING, "")
    return curl


def _set_up(
    curl: pycurl.Curl, url: str, headers: dict[str, str], body: bytes | None, timeout_s: float
) -> _Received:
    """Set a handle up for a POST, or for a GET if there is no body; return the object that gets the reply."""
    received = _Received()
    curl.setopt(pycurl.URL, url)
    curl.setopt(pycurl.HTTPHEADER, [*(f"{name}: {value}" for name, value in headers.items()), *_HEADERS])
    is_page = body is None
    curl.setopt(pycurl.FRESH_CONNECT, is_page)
    curl.setopt(pycurl.FORBID_REUSE, is_page)
    if is_page:
        curl.setopt(pycurl.HTTPGET, 1)
    else:
        curl.setopt(pycurl.POSTFIELDS, body)
    curl.setopt(pycurl.TIMEOUT_MS, max(1, round(timeout_s * 1000)))
    curl.setopt(pycurl.WRITEFUNCTION, received.write)
    curl.setopt(pycurl.HEADERFUNCTION, received.header)
    # An empty proxy means none; unset, the environment's variables decide (https_proxy, no_proxy).
    if on_this_machine(url):
        curl.setopt(pycurl.PROXY, "")
    else:
        curl.unsetopt(pycurl.PROXY)
    return received


def _reply(curl: pycurl.Curl, received: _Received) -> Reply:
    return Reply(
        status=curl.getinfo(pycurl.RESPONSE_CODE),
        body=bytes(received.body),
        retry_after=received.retry_after,
        is_first=curl.getinfo(pycurl.NUM_CONNECTS) > 0,
    )


def _broken(error: pycurl.error, timeout_s: float, received: _Received) -> Broken:
    code, message = error.args[0], error.args[1]
    if code == pycurl.E_OPERATION_TIMEDOUT and "Operation timed out" in message:
        return Broken("timeout", f"no answer within {timeout_s:g} s")
    if code in _UNREACHABLE or code == pycurl.E_OPERATION_TIMEDOUT:
        return Broken("unreachable", f"the server cannot be reached ({message})")
    if code == pycurl.E_WRITE_ERROR and len(received.body):
        return Broken("broken connection", f"the reply is longer than {MAX_REPLY_BYTES >> 20} MB")
    return Broken("broken connection", f"the connection broke: {message}")
