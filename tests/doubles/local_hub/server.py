"""The HTTP server: it reads requests and sends replies.

In: a hub. Out: its replies, on a port of this machine. Each connection has a thread and stays open. An
unexpected error in an endpoint becomes a 500, and its traceback is added to `hub.crashes`.
"""

import itertools
import socket
import threading
import traceback
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from . import endpoints  # noqa: F401 - registers their routes
from .accounts import authenticated
from .counters import ServedRequest
from .errors import ConnectionLost, Refused, repository_not_found
from .faults import Fault
from .messages import CHUNK_BYTES, Body, Reply, Request, json_reply
from .routes import find_route

if TYPE_CHECKING:
    from .hub import LocalHub

_NUMBERS = itertools.count(1)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # clients keep connections open longer than tests last
    request_queue_size = 128

    def __init__(self, hub: "LocalHub", port: int) -> None:
        self.hub = hub
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """Close the connections that clients keep open."""
        with self._lock:
            for connection in self._connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # tests include clients that close their connection


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # the body is sent after the head and would wait for an acknowledgement
    server: Server

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _serve(self) -> None:
        self._begin()
        is_recorded = False
        try:
            reply = self._reply()
            if self._body:
                for _ in self._body.chunks():  # the next request begins after what the endpoint did not read
                    pass
            else:
                self.close_connection = True  # nothing says where the body ends
            n_bytes = self._fault.n_reply_bytes if self._fault else None
            # Before the reply is sent, because a test may read the counts as soon as its client has it.
            self._record(reply.status if n_bytes is None else None)
            is_recorded = True
            self._send(reply, n_bytes)
        except (ConnectionLost, OSError):
            self.close_connection = True
            if not is_recorded:
                self._record(None)

    # The base class calls these names.
    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _serve  # noqa: N815

    def _begin(self) -> None:
        self._route = ""
        self._body: Body | None = None
        self._fault: Fault | None = None

    def _reply(self) -> Reply:
        try:
            return self._answer()
        except Refused as refused:
            return _refusal(refused)
        except (ConnectionLost, ConnectionError):
            raise
        except FileNotFoundError:  # the repository was removed in the meantime
            return _refusal(repository_not_found(is_authenticated=True))
        except Exception:
            self.server.hub.crashes.append(f"{self.command} {self.path}\n{traceback.format_exc()}")
            return _refusal(Refused(500, "Internal Error"))

    def _answer(self) -> Reply:
        hub, url = self.server.hub, urlsplit(self.path)
        self._body = Body(self.rfile, self.headers)
        route, parameters = find_route(self.command, url.path)
        self._route = route.template
        self._fault = hub.faults.take(self.command, self.path)
        if self._fault:
            _apply(self._fault, self._body)
        request = Request(
            hub,
            self.command,
            url.path,
            {name: values[-1] for name, values in parse_qs(url.query, keep_blank_values=True).items()},
            self.headers,
            self._body,
            parameters,
            authenticated(hub.accounts, self.headers.get("Authorization")),
        )
        reply = route.endpoint(request)
        if self._fault and self._fault.n_bytes:
            raise RuntimeError("the body of the request is shorter than the fault expects")
        return reply

    def _record(self, status: int | None) -> None:
        n_bytes = self._body.n_bytes if self._body else 0
        self.server.hub.counters.record(ServedRequest(self.command, self.path, self._route, status, n_bytes))

    def _send(self, reply: Reply, n_bytes: int | None) -> None:
        """Send the reply, or lose the connection after `n_bytes` of its body; -1: before its head."""
        if n_bytes == -1:
            raise ConnectionLost
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(reply.n_bytes if reply.file else len(reply.body)))
        self.send_header("X-Request-Id", f"local-{next(_NUMBERS)}")
        self.end_headers()
        if self.command == "HEAD":
            return
        for chunk in _chunks(reply):
            self.wfile.write(chunk[:n_bytes])
            if n_bytes is not None:
                raise ConnectionLost


def _apply(fault: Fault, body: Body) -> None:
    """Apply a fault before the endpoint is called."""
    if fault.action:
        fault.action()
    if fault.status:
        raise fault.refusal()
    if fault.n_bytes == 0:
        raise ConnectionLost
    if fault.n_bytes is not None:
        body.disconnect_after(fault.n_bytes)


def _chunks(reply: Reply) -> Iterator[bytes]:
    if reply.file is None:
        yield reply.body
        return
    with reply.file.open("rb") as file:
        file.seek(reply.first)
        for start in range(0, reply.n_bytes, CHUNK_BYTES):
            yield file.read(min(CHUNK_BYTES, reply.n_bytes - start))


def _refusal(refused: Refused) -> Reply:
    message = refused.message.replace("\r", " ").replace("\n", " ")
    headers = {"X-Error-Message": message.encode("ascii", "backslashreplace").decode(), **refused.headers}
    if refused.code:
        headers["X-Error-Code"] = refused.code
    return json_reply({"error": refused.message, **refused.fields}, refused.status, headers)
