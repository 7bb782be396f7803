"""sglang's own router in front of several servers.

In: an interpreter with sglang-router, and the addresses of servers. Out: the address of the router, once it
lists a model.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from builders.inference import ServerDown, WrongModel, connect
from builders.inference.servers.sglang import free_port
from tests.doubles.process import CommandFailed, failure, kill, start

READY_S = 60


@contextmanager
def running_router(python: Path, log: Path, *urls: str) -> Iterator[str]:
    """Start a router, yield its address, and kill it at the end of the block. Raises CommandFailed."""
    url = f"http://127.0.0.1:{free_port()}"
    ports = [f"--port={url.rpartition(':')[2]}", f"--prometheus-port={free_port()}"]
    command = [
        python,
        "-m",
        "sglang_router.launch_router",
        "--host=127.0.0.1",
        *ports,
        "--worker-urls",
        *urls,
    ]
    process = start(command, log, {})
    try:
        deadline = time.monotonic() + READY_S
        while not _lists_a_model(url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise CommandFailed(failure("the router did not start", log))
            time.sleep(0.25)
        yield url
    finally:
        kill(process)


def _lists_a_model(url: str) -> bool:
    try:
        return bool(connect(url))
    except (ServerDown, WrongModel):  # the router has not started yet, or has no server yet
        return False
