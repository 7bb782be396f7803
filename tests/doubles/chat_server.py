"""A small OpenAI-compatible server on real sockets that misbehaves on demand, and requests for it.

A request is identified by the text of its last message. `faults[text]` lists the faults of the first, second,
... request with that text. Requests without a fault are answered with the text in capitals, or with what
`reply` returns for the body. `always` is a fault of every POST, `always_get` of every GET. A request for `n`
choices gets one choice. With `gives_n` it gets all of them, whose seeds count up from the one in the request;
with `refuses_n` it gets an error.

`die` closes all connections, as when a process is killed; `start` starts the server again at its address.
With `tls`, the server uses HTTPS.
"""

import json
import socket
import ssl
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from builders.inference import Answer, Refusal

TOO_LONG = "This model's maximum context length is 4096 tokens. However, you requested 9000 tokens."


class ChatServer:
    def __init__(
        self,
        model: str = "tiny",
        delay_s: float = 0.0,
        entry: dict[str, Any] | None = None,
        tls: ssl.SSLContext | None = None,
    ):
        self.models = [{"id": model, "object": "model", **(entry or {})}]
        self.pages: dict[str, Any] = {}  # further pages by path: their JSON, or a function that returns it
        self.delay_s = delay_s
        self.faults: dict[str, list[str]] = defaultdict(list)
        self.always: str | None = None
        self.always_get: str | None = None
        # Takes the body of a request, and returns text and finish reason.
        self.reply: Callable[[dict[str, Any]], tuple[str, str]] | None = None
        self.gives_n = False
        self.refuses_n = False
        self.n_good: int | None = None  # how many choices of a reply are complete; the others are aborted
        self.key: str | None = None
        self.asked: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.times: dict[str, list[float]] = defaultdict(list)
        self.bodies: list[dict[str, Any]] = []
        self.n_in_flight = 0
        self.n_in_flight_most = 0
        self.lock = threading.Lock()
        self._tls = tls
        self._port = 0

    def __enter__(self) -> "ChatServer":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def start(self) -> None:
        """Start to serve; after an earlier start, at the same address again."""
        self._http = _Http(("127.0.0.1", self._port), _Handler)
        self._http.chat = self
        self._port = self._http.server_port
        self.address = f"{'https' if self._tls else 'http'}://127.0.0.1:{self._port}"
        if self._tls:  # each connection does its handshake in its own thread
            self._http.socket = self._tls.wrap_socket(
                self._http.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def die(self) -> None:
        """Close all connections, but first complete the replies that `answered` counts."""
        with self.lock:
            self._http.is_dead = True
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
        while True:
            with self.lock:
                if not self._http.n_answering:
                    break
            time.sleep(0.001)
        self._http.hang_up()


class _Http(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True
    block_on_close = False
    chat: ChatServer
    is_dead = False
    n_answering = 0

    def __init__(self, *args: Any) -> None:
        self._connections: set[socket.socket] = set()
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self.chat.lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self.chat.lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        with self.chat.lock:
            for connection in self._connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # tests include clients that close their connection


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # otherwise the body waits until the head is acknowledged
    server: _Http

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        chat = self.server.chat
        if chat.always_get:
            self._misbehave(chat.always_get, "")
        elif chat.key and self.headers.get("Authorization") != f"Bearer {chat.key}":
            self._reply(401, {"error": {"message": "Incorrect API key provided"}})
        elif self.path == "/v1/models":
            self._reply(200, {"object": "list", "data": chat.models})
        elif self.path in chat.pages:
            page = chat.pages[self.path]
            self._reply(200, page() if callable(page) else page)
        else:
            self._reply(404, {"detail": "Not Found"})

    def do_POST(self) -> None:
        chat = self.server.chat
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        text = body["messages"][-1]["content"]
        with chat.lock:
            chat.asked[text] += 1
            chat.times[text].append(time.monotonic())
            chat.bodies.append(body)
            chat.n_in_flight += 1
            chat.n_in_flight_most = max(chat.n_in_flight_most, chat.n_in_flight)
            fault = chat.always or (chat.faults[text].pop(0) if chat.faults[text] else None)
        try:
            time.sleep(chat.delay_s)
            if chat.key and self.headers.get("Authorization") != f"Bearer {chat.key}":
                self._reply(401, {"error": {"message": "Incorrect API key provided"}})
            elif fault is not None:
                self._misbehave(fault, text)
            elif body.get("n", 1) > 1 and chat.refuses_n:
                self._reply(400, {"error": {"message": "only one choice can be generated (n=1)"}})
            else:
                self._answer(body, text)
        finally:
            with chat.lock:
                chat.n_in_flight -= 1

    def _answer(self, body: dict[str, Any], text: str) -> None:
        chat = self.server.chat
        n_choices = body.get("n", 1) if chat.gives_n else 1
        bodies = [{**body, "seed": (body.get("seed") or 0) + number} for number in range(n_choices)]
        replies = [
            chat.reply(choice_body) if chat.reply else (text.upper(), "stop") for choice_body in bodies
        ]
        answer = completion(text, *replies[0])
        answer["choices"] = [completion(text, *reply)["choices"][0] for reply in replies]
        answer["usage"]["completion_tokens"] *= n_choices
        for number, choice in enumerate(answer["choices"]):
            choice["index"] = number
            if chat.n_good is not None and number >= chat.n_good:
                choice["finish_reason"] = "abort"
        with chat.lock:
            if self.server.is_dead:
                return
            self.server.n_answering += 1
            chat.answered[text] += 1
        try:
            self._reply(200, answer)
        finally:
            with chat.lock:
                self.server.n_answering -= 1

    def _misbehave(self, fault: str, text: str) -> None:
        encoded = json.dumps(completion(text)).encode()
        match fault:
            case "hang":
                time.sleep(2)
            case "drop":  # closes the connection without a reply
                self.close_connection = True
            case "break":  # sends less than Content-Length
                self._send(200, encoded[:40], n_promised=len(encoded))
                self.close_connection = True
            case "cut":
                self._send(200, encoded[:40])
            case "empty":
                self._reply(200, {**completion(text), "choices": []})
            case "abort":
                aborted = completion(text)
                aborted["choices"][0]["finish_reason"] = "abort"
                self._reply(200, aborted)
            case "null":
                choice = {
                    "index": 0,
                    "finish_reason": None,
                    "message": {"role": "assistant", "content": None},
                }
                self._reply(200, {**completion(text), "choices": [choice]})
            case "other_model":
                self._reply(200, {**completion(text, "not mine"), "model": "somebody-else"})
            case "drip":  # sends slowly, and never sends the last byte
                self._send(200, b"", n_promised=len(encoded))
                for byte in encoded[:-1]:
                    self.wfile.write(bytes([byte]))
                    time.sleep(0.1)
                self.close_connection = True
            case "deep":
                self._send(200, b"[" * 200_000)
            case "deep_refusal":
                self._send(400, b"[" * 200_000)
            case "babble":  # not HTTP, and contains the key
                self.wfile.write(f"{self.headers['Authorization']}\r\n\r\n".encode())
                self.close_connection = True
            case "too_long":
                self._reply(400, {"error": {"message": TOO_LONG, "type": "invalid_request_error"}})
            case "echo_key":
                self._reply(400, {"error": {"message": f"bad header {self.headers['Authorization']}"}})
            case "429":
                self._reply(429, {"message": "slow down"}, {"Retry-After": "2"})
            case _:
                self._reply(int(fault), {"error": {"message": f"fault {fault}"}})

    def _reply(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        self._send(status, json.dumps(body).encode(), headers=headers)

    def _send(
        self, status: int, body: bytes, n_promised: int | None = None, headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(n_promised or len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def completion(text: str, content: str = "", finish_reason: str = "stop") -> dict[str, Any]:
    message = {"role": "assistant", "content": content, "reasoning_content": f"thinking of {text}"}
    usage = {
        "prompt_tokens": 10,
        "completion_tokens": 3,
        "total_tokens": 13,
        "prompt_tokens_details": {"cached_tokens": 4},
    }
    choices = [{"index": 0, "finish_reason": finish_reason, "message": message}]
    return {"object": "chat.completion", "choices": choices, "usage": usage}


def request(text: str, **options: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], "temperature": 0, **options}


def texts(outcomes: list[Answer | Refusal]) -> list[str]:
    return [outcome.text if isinstance(outcome, Answer) else outcome.reason for outcome in outcomes]
