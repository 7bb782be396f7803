"""The watch over a server that is gone: it ends when the server is back, or is excluded for good.

Tested in tests/builders/inference/asking/test_servers_together.py.
"""

import asyncio
from contextlib import suppress

from builders.inference.errors import ServerDown
from builders.inference.servers.server import Server, changed

FIRST_LOOK_S, MAX_LOOK_S = 0.5, 10.0


async def watch(server: Server) -> str | None:
    """Wait until the server answers again; return None if the model is the same, else what is wrong."""
    pause_s = FIRST_LOOK_S
    while True:
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, MAX_LOOK_S)
        with suppress(ServerDown):
            return await asyncio.to_thread(changed, server)
