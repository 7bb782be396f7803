"""HTTP requests: proxies, connections, and replies that are too long or come in parts."""

import asyncio
import gzip
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from builders.inference import Server
from builders.inference.transport import Broken, Reply, Transport, read_page
from tests.builders.inference.posting import posted

pytestmark = pytest.mark.usefixtures("no_proxies")


class EchoServer(ThreadingHTTPServer):
    """A server that replies with what it was sent, or as `answer` does; it counts connections."""

    request_queue_size = 64
    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/v1/chat/completions"
        self.answer: Callable[[_Handler, bytes], None] = _Handler.echo
        self.n_connections = 0

    def process_request(self, request: Any, client_address: Any) -> None:
        self.n_connections += 1
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else the body, sent after the head, would wait for an acknowledgement
    server: EchoServer

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.server.answer(self, b"")

    def do_POST(self) -> None:
        self.server.answer(self, self.rfile.read(int(self.headers["Content-Length"])))

    def echo(self, body: bytes) -> None:
        echo = {"path": self.path, "headers": dict(self.headers), "n_bytes": len(body)}
        self.send(json.dumps(echo).encode())

    def send(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def echo_server() -> Iterator[EchoServer]:
    server = EchoServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def echoed(reply: Reply) -> dict[str, Any]:
    echo: dict[str, Any] = json.loads(reply.body)
    return echo


def test_the_environments_proxy_is_for_other_machines_only(
    echo_server: EchoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    posted(echo_server.url)
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{echo_server.server_port}")
    other = "http://models.example/v1/chat/completions"
    paths = [
        echoed(reply)["path"] for reply in posted(echo_server.url, other, echo_server.url)
    ]  # all with one handle
    assert paths == ["/v1/chat/completions", other, "/v1/chat/completions"]


def test_a_dead_proxy_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with pytest.raises(Broken, match="cannot be reached") as caught:
        posted("http://models.example/v1/chat/completions")
    assert caught.value.kind == "unreachable"


def test_headers_carry_the_key_of_their_request_only(echo_server: EchoServer) -> None:
    keys = ["sk-first", "sk-second", None]

    async def post() -> list[Reply]:
        async with Transport() as transport:
            servers = [Server(echo_server.url, "tiny", "tiny", key) for key in keys]
            return [await transport.post(echo_server.url, server.headers(), b"{}", 20) for server in servers]

    sent = [echoed(reply)["headers"] for reply in asyncio.run(post())]
    assert [headers.get("Authorization") for headers in sent] == ["Bearer sk-first", "Bearer sk-second", None]
    assert {headers["Content-Type"] for headers in sent} == {"application/json"}


def test_a_long_request_goes_out_whole_and_without_asking(echo_server: EchoServer) -> None:
    (reply,) = posted(echo_server.url, body=b" " * 5_000_000)
    assert echoed(reply)["n_bytes"] == 5_000_000
    assert "Expect" not in echoed(reply)["headers"]


def test_connections_stay_open(echo_server: EchoServer) -> None:
    assert len(posted(*[echo_server.url] * 50)) == 50
    assert echo_server.n_connections == 1


def test_requests_at_once_have_connections_of_their_own(echo_server: EchoServer) -> None:
    together = threading.Barrier(8)

    def meet(handler: _Handler, body: bytes) -> None:
        together.wait(10)  # breaks, so that no reply comes, unless all are in flight at once
        handler.echo(body)

    echo_server.answer = meet

    async def post() -> None:
        async with Transport() as transport:
            for _ in range(2):
                await asyncio.gather(*(transport.post(echo_server.url, {}, b"{}", 20) for _ in range(8)))

    asyncio.run(post())
    assert echo_server.n_connections == 8


def test_a_connection_that_the_server_closed_while_idle_costs_nothing(echo_server: EchoServer) -> None:
    def last(handler: _Handler, body: bytes) -> None:
        handler.echo(body)
        handler.close_connection = True

    echo_server.answer = last

    async def post() -> None:
        async with Transport() as transport:
            for _ in range(5):
                await transport.post(echo_server.url, {}, b"{}", 20)
                await asyncio.sleep(0.02)

    asyncio.run(post())
    assert echo_server.n_connections == 5


def test_a_compressed_reply_is_read(echo_server: EchoServer) -> None:
    text = b"a long answer " * 1000
    echo_server.answer = lambda handler, body: handler.send(gzip.compress(text), Content_Encoding="gzip")
    (reply,) = posted(echo_server.url)
    assert reply.body == text


@pytest.mark.parametrize("compressed", [False, True])
def test_a_reply_that_is_too_long_is_broken_off(
    echo_server: EchoServer, monkeypatch: pytest.MonkeyPatch, compressed: bool
) -> None:
    monkeypatch.setattr("builders.inference.transport.MAX_REPLY_BYTES", 100_000)
    whole = b"x" * 100_001
    reply = (gzip.compress(whole), {"Content_Encoding": "gzip"}) if compressed else (whole, {})
    echo_server.answer = lambda handler, body: handler.send(reply[0], **reply[1])
    with pytest.raises(Broken, match="the reply is longer than") as caught:
        posted(echo_server.url)
    assert caught.value.kind == "broken connection"
    echo_server.answer = lambda handler, body: handler.send(b"x" * 100_000)
    assert len(posted(echo_server.url)[0].body) == 100_000


def test_a_reply_without_a_length_is_read_to_its_end(echo_server: EchoServer) -> None:
    def unmeasured(handler: _Handler, body: bytes) -> None:
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        for _ in range(3):
            handler.wfile.write(b"part ")
            time.sleep(0.01)

    echo_server.answer = unmeasured
    assert posted(echo_server.url)[0].body == b"part part part "


def test_a_page_is_read_over_a_connection_of_its_own(echo_server: EchoServer) -> None:
    async def both() -> list[Reply]:
        async with Transport() as transport:
            first = await transport.get(echo_server.url, {"X-Key": "7"}, 20)
            sent = [await transport.post(echo_server.url, {}, b"{}", 20) for _ in range(2)]
            second = await transport.get(echo_server.url, {}, 20)
            return [first, *sent, second, await transport.post(echo_server.url, {}, b"{}", 20)]

    page, *others = asyncio.run(both())
    assert json.loads(page.body)["headers"]["X-Key"] == "7"
    assert [reply.is_first for reply in others] == [True, False, True, False]
    assert [json.loads(reply.body)["n_bytes"] for reply in others] == [2, 2, 0, 2]
    assert echo_server.n_connections == 3


def test_a_page_is_read_without_a_loop(echo_server: EchoServer) -> None:
    page = read_page(echo_server.url, {"X-Key": "7"}, 20)
    assert echoed(page)["headers"]["X-Key"] == "7"
    assert page.is_success
    echo_server.answer = lambda handler, body: handler.send(b"", 307, Location="http://models.example/")
    assert (read_page(echo_server.url, {}, 20).status, read_page(echo_server.url, {}, 20).is_success) == (
        307,
        False,
    )


def test_pages_go_the_way_of_requests(echo_server: EchoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{echo_server.server_port}")
    other = "http://models.example/v1/models"
    assert [echoed(read_page(url, {}, 20))["path"] for url in (echo_server.url, other)] == [
        "/v1/chat/completions",
        other,
    ]
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert read_page(echo_server.url, {}, 20).is_success
    with pytest.raises(Broken, match="cannot be reached"):
        read_page(other, {}, 20)


def test_ctrl_c_does_not_wait_for_a_page(echo_server: EchoServer) -> None:
    release = threading.Event()

    def interrupt(handler: _Handler, body: bytes) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        release.wait(120)

    echo_server.answer = interrupt
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        read_page(echo_server.url, {}, timeout_s=100)
    release.set()
    assert time.monotonic() - began < 90  # else it waited for the page


@pytest.mark.parametrize("name", ["Retry_After", "retry_after", "RETRY_AFTER"])
def test_status_and_retry_after_are_returned(echo_server: EchoServer, name: str) -> None:
    echo_server.answer = lambda handler, body: handler.send(b"busy", 429, **{name: " 7 "})
    assert posted(echo_server.url) == [Reply(429, b"busy", "7", is_first=True)]
    echo_server.answer = lambda handler, body: handler.send(b"fine")
    assert posted(echo_server.url) == [Reply(200, b"fine", "", is_first=True)]


def test_a_redirection_is_not_followed(echo_server: EchoServer) -> None:
    echo_server.answer = lambda handler, body: handler.send(b"", 307, Location="http://models.example/")
    assert [reply.status for reply in posted(echo_server.url)] == [307]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (lambda handler, body: setattr(handler, "close_connection", True), "broken connection"),
        (lambda handler, body: handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Le"), "timeout"),
        (lambda handler, body: handler.wfile.write(b"no HTTP at all\r\n\r\n"), "broken connection"),
        (lambda handler, body: time.sleep(1), "timeout"),
    ],
    ids=["hangs up", "half a head", "babbles", "is silent"],
)
def test_an_incomplete_reply_is_reported_by_its_kind(
    echo_server: EchoServer, answer: Callable[[_Handler, bytes], None], kind: str
) -> None:
    echo_server.answer = answer
    with pytest.raises(Broken) as caught:
        posted(echo_server.url, timeout_s=0.5)
    assert caught.value.kind == kind


def test_where_nobody_listens_is_unreachable(echo_server: EchoServer) -> None:
    with pytest.raises(Broken, match="cannot be reached") as caught:
        posted("http://127.0.0.1:9/v1")
    assert caught.value.kind == "unreachable"


def test_a_cancelled_request_leaves_the_others_alone(echo_server: EchoServer) -> None:
    release = threading.Event()

    def held(handler: _Handler, body: bytes) -> None:
        if body == b"held":
            release.wait(10)
        handler.echo(body)

    echo_server.answer = held

    async def post() -> Reply:
        async with Transport() as transport:
            slow = asyncio.create_task(transport.post(echo_server.url, {}, b"held", 20))
            await asyncio.sleep(0.1)
            slow.cancel()
            with pytest.raises(asyncio.CancelledError):
                await slow
            return await transport.post(echo_server.url, {}, b"other", 5)

    assert echoed(asyncio.run(post()))["n_bytes"] == len(b"other")
    release.set()
