"""A server that answers every chat completion at once with the same reply, to measure a client's own cost.

`with zero_latency() as url:` runs it in a process of its own; on Linux, not on the core `on_core`.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

MODEL = "tiny"
TEXT = "I follow the code line by line. " * 40 + '{"output": 1}'
USAGE = {
    "prompt_tokens": 600,
    "completion_tokens": 300,
    "total_tokens": 900,
    "prompt_tokens_details": {"cached_tokens": 500},
}


def _page(body: object) -> bytes:
    text = json.dumps(body).encode()
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(text) + text
    )


_MESSAGE = {"role": "assistant", "content": TEXT}
_CHOICES = [{"index": 0, "finish_reason": "stop", "message": _MESSAGE}]
ANSWER = _page({"object": "chat.completion", "model": MODEL, "choices": _CHOICES, "usage": USAGE})
MODELS = _page({"object": "list", "data": [{"id": MODEL, "object": "model"}]})
NOTHING = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


class _Connection(asyncio.Protocol):
    """A connection that reads only the method and the length of a request."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._received = transport, b""

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end].lower()
            start = head.find(b"content-length:")
            length = int(head[start + 15 :].split(b"\r\n")[0]) if start >= 0 else 0
            if len(self._received) < end + 4 + length:
                return
            self._received = self._received[end + 4 + length :]
            listed = head.startswith(b"get /v1/models ")
            self._transport.write(MODELS if listed else ANSWER if head.startswith(b"post") else NOTHING)


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Connection, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def zero_latency(on_core: int | None = None) -> Iterator[str]:
    """Yield the address of a running server."""
    command = [sys.executable, "-m", "tests.bench.zero_latency"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        if on_core is not None and len(others := os.sched_getaffinity(0) - {on_core}):
            os.sched_setaffinity(process.pid, others)
        assert process.stdout
        port = int(process.stdout.readline())
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


if __name__ == "__main__":
    asyncio.run(_serve())
