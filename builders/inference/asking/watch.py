"""Polling a server that is gone, until it answers again or turns out to serve something else.

Tested in tests/builders/inference/asking/test_servers_together.py.
"""

import asyncio
from contextlib import suppress

from builders.inference.errors import ServerDown
from builders.inference.servers.server import Server, changed

FIRST_CHECK_S, MAX_CHECK_S = 0.5, 10.0


async def watch(server: Server) -> str | None:
    """Wait until the server answers again; return None if the model is the same, else what is wrong."""
    pause_s = FIRST_CHECK_S
    while True:
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, MAX_CHECK_S)
        with suppress(ServerDown):
            return await asyncio.to_thread(changed, server)
