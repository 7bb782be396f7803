"""Throughput of an sglang server and use of its prefix cache: `python -m tests.bench.inference [URL]`.

On prompts about the sample files, in one run against one server:
- tokens per second of codeio's client, relative to a bare loop at the best of several concurrencies;
- the share of prompt tokens from the server's prefix cache, in codeio's order and shuffled, relative to the
  most that is possible: the tokens of all prompts minus those of the tree of their prefixes, counted from the
  token ids that the server returns.
Every pass starts with an empty cache, and all answers have the same number of tokens (`ignore_eos`). Without
a URL, the server of the tests is started (SmolLM2-135M on CPU). For a GPU, start one with `codeio serve`,
with -- --load-format dummy if there are no weights: neither figure depends on them.
"""

import argparse
import asyncio
import json
import random
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from builders.inference import Answer, Client, RequestCache, Server, connect
from builders.inference.asking.requests import Payload
from builders.responses import opening_messages
from builders.stage import Row
from tests.bench.corpus_tasks import task_rows
from tests.doubles.sglang_cpu import MODEL, SglangServer, environment_python, model_folder


def payloads(tasks: Sequence[Row], n_tokens: int) -> list[Payload]:
    options = {"temperature": 0.0, "max_tokens": n_tokens, "ignore_eos": True}
    return [{"messages": opening_messages(task, None), **options} for task in tasks]


async def bare(server: Server, bodies: Sequence[Payload], at_once: int) -> list[dict[str, Any]]:
    """Return the replies in order, from a bare loop that keeps `at_once` requests in flight."""
    replies: dict[int, dict[str, Any]] = {}
    waiting = iter(enumerate(bodies))
    async with httpx.AsyncClient(timeout=3600, limits=httpx.Limits(max_connections=at_once)) as http:

        async def work() -> None:
            for index, body in waiting:
                payload = {"model": server.model, **body}
                response = await http.post(f"{server.base_url}/chat/completions", json=payload)
                replies[index] = response.raise_for_status().json()

        await asyncio.gather(*(work() for _ in range(at_once)))
    return [replies[index] for index in range(len(bodies))]


def flush_cache(server: Server) -> None:
    httpx.post(f"{server.base_url.removesuffix('/v1')}/flush_cache", timeout=60).raise_for_status()


def bare_rate(server: Server, bodies: Sequence[Payload], at_once: int) -> float:
    """Return the answer tokens per second of the bare loop."""
    flush_cache(server)
    began = time.perf_counter()
    replies = asyncio.run(bare(server, bodies, at_once))
    seconds = time.perf_counter() - began
    return float(sum(reply["usage"]["completion_tokens"] for reply in replies) / seconds)


def ours(server: Server, bodies: Sequence[Payload], groups: Sequence[str]) -> tuple[float, float]:
    """Return codeio's answer tokens per second, and the share of prompt tokens that were not computed.

    Prefill requests give no answer: the tokens that they compute count, but not those of their prompts.
    """
    flush_cache(server)
    with tempfile.TemporaryDirectory() as folder:
        client = Client(server, RequestCache(Path(folder) / "requests.sqlite"))
        began = time.perf_counter()
        outcomes = client.ask(bodies, groups)
        seconds = time.perf_counter() - began
        client.close()
    n_asked = sum(answer.n_prompt_tokens for answer in outcomes if isinstance(answer, Answer))
    n_computed = client.usage.prompt_tokens - client.usage.cached_tokens
    return client.usage.completion_tokens / seconds, 1 - n_computed / n_asked


def most_cached(server: Server, bodies: Sequence[Payload]) -> float:
    """Return the largest possible share of cached prompt tokens: all in a prefix of an earlier prompt."""
    id_requests = [{**body, "max_tokens": 1, "return_prompt_token_ids": True} for body in bodies]
    replies = asyncio.run(bare(server, id_requests, 16))
    prompts = [reply["choices"][0]["prompt_token_ids"] for reply in replies]
    tree: dict[int, Any] = {}
    n_nodes = 0
    for prompt in prompts:
        node = tree
        for token in prompt:
            if token not in node:
                node[token] = {}
                n_nodes += 1
            node = node[token]
    return 1 - n_nodes / sum(map(len, prompts))


def measured(
    server: Server, n_files: int, n_pairs: int, n_tokens: int, at_once: Sequence[int]
) -> dict[str, Any]:
    """Return all figures, measured in one run."""
    tasks = list(task_rows(n_pairs, n_files))
    bodies, groups = payloads(tasks, n_tokens), [task["function_id"] for task in tasks]
    most = most_cached(server, bodies)
    rate, share = ours(server, bodies, groups)
    shuffled = bodies.copy()
    random.Random(0).shuffle(shuffled)
    _, shuffled_share = ours(server, shuffled, [""] * len(shuffled))
    figures = {
        "requests": len(bodies),
        "cached_share": share,
        "cached_share_shuffled": shuffled_share,
        "most_cached_share": most,
        "share_of_the_most": share / most,
    }
    if at_once:
        rates = {number: bare_rate(server, bodies, number) for number in at_once}
        again, _ = ours(server, bodies, groups)
        best = max(rates.values())
        figures |= {"tokens_per_s": [rate, again], "bare_tokens_per_s": rates}
        figures["rate_over_best_bare"] = max(rate, again) / best
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", nargs="?", help="an sglang server; without it, one is started on CPU")
    parser.add_argument("--files", type=int, default=40)
    parser.add_argument(
        "--pairs", type=int, default=3, help="pairs of each file; each is asked about in two directions"
    )
    parser.add_argument("--tokens", type=int, default=32, help="length of each answer")
    parser.add_argument(
        "--at-once",
        type=int,
        nargs="*",
        default=[8, 16, 32, 64],
        help="concurrencies of the bare loop; without any, only the shares are measured",
    )
    parser.add_argument("--cache-tokens", type=int, help="size of the started server's cache")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    with ExitStack() as stack:
        url = options.url or stack.enter_context(_test_server(options.cache_tokens)).url
        figures = measured(connect(url), options.files, options.pairs, options.tokens, options.at_once)
    if options.json:
        print(json.dumps(figures))
        return
    table = Table("", "", title=f"{figures['requests']} requests", show_header=False)
    for name, value in figures.items():
        table.add_row(name, json.dumps(value))
    Console().print(table)


def _test_server(cache_tokens: int | None) -> SglangServer:
    log = Path(tempfile.gettempdir()) / "codeio-bench-sglang.log"
    flags = [f"--max-total-tokens={cache_tokens}"] if cache_tokens else []
    return SglangServer(environment_python(), model_folder(), MODEL, log, more=flags)


if __name__ == "__main__":
    main()
