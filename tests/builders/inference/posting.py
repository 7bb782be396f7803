"""Requests over the transport, without a client."""

import asyncio

from builders.inference.transport import Reply, Transport


def posted(*urls: str, body: bytes = b"{}", timeout_s: float = 20, **headers: str) -> list[Reply]:
    """Send requests one after another, and return the replies."""

    async def post() -> list[Reply]:
        async with Transport() as transport:
            return [await transport.post(url, headers, body, timeout_s) for url in urls]

    return asyncio.run(post())
