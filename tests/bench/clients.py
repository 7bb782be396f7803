"""Requests per second on one core, for bare HTTP clients and for codeio's: `python -m tests.bench.clients`.

Each runs in a process of its own, against a server that answers at once and has another core to itself. The
bare clients send, receive and parse; codeio's also looks up the request cache, hashes, stores every answer on
disk and counts. Clients that are not installed are skipped (`pip install -e ".[bench]"`).
"""

import argparse
import asyncio
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench.zero_latency import MODEL, zero_latency

AT_ONCE = 64
MESSAGES = [
    {"role": "system", "content": "You work out what code does. " * 8},
    {"role": "user", "content": "def f(x):\n    return x\n" * 100},
]
CLIENTS = {
    "ours, all of it": "pycurl",
    "pycurl": "pycurl",
    "aiohttp": "aiohttp",
    "aiohttp, uvloop": "uvloop",
    "niquests": "niquests",
    "httpx2": "httpx2",
    "httpx": "httpx",
    "openai": "openai",
}
Post = Callable[[bytes], Awaitable[bytes]]


def payload(number: int) -> dict[str, Any]:
    return {"messages": MESSAGES, "temperature": 0.0, "max_tokens": 4096, "seed": number}


async def pooled(n_requests: int, post: Post) -> None:
    numbers = iter(range(n_requests))

    async def work() -> None:
        for number in numbers:
            body = await post(json.dumps({"model": MODEL, **payload(number)}).encode())
            assert json.loads(body)["choices"][0]["message"]["content"]

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))


async def with_pycurl(url: str, n_requests: int) -> None:
    from builders.inference.transport import Transport

    async with Transport() as transport:

        async def post(body: bytes) -> bytes:
            return (await transport.post(f"{url}/v1/chat/completions", {}, body, 60)).body

        await pooled(n_requests, post)


async def with_httpx(url: str, n_requests: int, module: str = "httpx") -> None:
    httpx = importlib.import_module(module)
    limits = httpx.Limits(max_connections=AT_ONCE)
    async with httpx.AsyncClient(limits=limits, timeout=60, trust_env=False) as http:

        async def post(body: bytes) -> bytes:
            return bytes((await http.post(f"{url}/v1/chat/completions", content=body)).content)

        await pooled(n_requests, post)


async def with_httpx2(url: str, n_requests: int) -> None:
    await with_httpx(url, n_requests, "httpx2")


async def with_aiohttp(url: str, n_requests: int) -> None:
    import aiohttp

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def post(body: bytes) -> bytes:
            async with session.post(f"{url}/v1/chat/completions", data=body) as response:
                return await response.read()

        await pooled(n_requests, post)


async def with_niquests(url: str, n_requests: int) -> None:
    import niquests

    async with niquests.AsyncSession(pool_maxsize=AT_ONCE, pool_connections=AT_ONCE) as session:

        async def post(body: bytes) -> bytes:
            return (await session.post(f"{url}/v1/chat/completions", data=body)).content or b""

        await pooled(n_requests, post)


async def with_openai(url: str, n_requests: int) -> None:
    import openai

    client: Any = openai.AsyncOpenAI(api_key="none", base_url=f"{url}/v1")
    numbers = iter(range(n_requests))

    async def work() -> None:
        for number in numbers:
            answer = await client.chat.completions.create(model=MODEL, **payload(number))
            assert answer.choices[0].message.content

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))


def with_ours(url: str, n_requests: int) -> None:
    from builders.inference import Client, RequestCache, connect

    with tempfile.TemporaryDirectory() as folder:
        client = Client(connect(url), RequestCache(Path(folder) / "requests.sqlite"), concurrency=AT_ONCE)
        assert len(client.ask([payload(number) for number in range(n_requests)])) == n_requests
        client.close()


def measured(name: str, url: str, n_requests: int) -> dict[str, float]:
    """Return the requests per wall-clock second, and per second of this process's CPU time."""
    bare = {"pycurl": with_pycurl, "httpx": with_httpx, "httpx2": with_httpx2, "aiohttp": with_aiohttp}
    bare |= {"aiohttp, uvloop": with_aiohttp, "niquests": with_niquests, "openai": with_openai}
    began, cpu = time.perf_counter(), time.process_time()
    if name.startswith("ours"):
        with_ours(url, n_requests)
    elif name.endswith("uvloop"):
        import uvloop

        uvloop.run(bare[name](url, n_requests))
    else:
        asyncio.run(bare[name](url, n_requests))
    return {
        "by the clock": n_requests / (time.perf_counter() - began),
        "by CPU time": n_requests / (time.process_time() - cpu),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--one", nargs=2, metavar=("CLIENT", "URL"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measured(*options.one, options.requests)))
        return
    core = min(os.sched_getaffinity(0))
    by_client: dict[str, dict[str, float]] = {}
    with zero_latency(core) as url:
        for name, module in CLIENTS.items():
            if importlib.util.find_spec(module):
                command = ["taskset", "-c", str(core), sys.executable, "-m", "tests.bench.clients"]
                command += ["--requests", str(options.requests), "--one", name, url]
                by_client[name] = json.loads(subprocess.check_output(command))
    if options.json:
        print(json.dumps(by_client))
        return
    table = Table("client", "by the clock", "by CPU time", title="Requests a second, one core")
    for name, rates in by_client.items():
        table.add_row(name, *(f"{rate:,.0f}" for rate in rates.values()))
    Console().print(table)


if __name__ == "__main__":
    main()
