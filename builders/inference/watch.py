"""Looking after a server that is gone, until it is back or must be left out for good."""

import asyncio

from builders.inference.errors import InferenceError, ServerDown
from builders.inference.server import Server, connect

FIRST_LOOK_S, MAX_LOOK_S = 0.5, 10.0


async def watch(server: Server) -> str | None:
    """Returns None when the same model answers there again, else why nothing more is to be hoped for."""
    pause_s = FIRST_LOOK_S
    while True:
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, MAX_LOOK_S)
        try:
            found = await asyncio.to_thread(connect, server.base_url, server.model, server.api_key)
        except ServerDown:
            continue
        except InferenceError as error:
            return str(error)
        if found.identity != server.identity:
            return f"it serves {found.identity} now, not {server.identity}"
        return None
