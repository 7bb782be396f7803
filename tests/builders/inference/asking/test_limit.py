"""The concurrency limit, on simulated servers and a simulated clock."""

import asyncio
import heapq
import random
from collections.abc import Callable
from itertools import count, pairwise

import pytest

from builders.inference import Server
from builders.inference.asking.endpoint import Endpoint, Lost
from builders.inference.asking.limit import FIRST_LIMIT, N_TO_JUDGE, Limit
from builders.inference.transport import Transport
from tests.doubles.chat_server import ChatServer

Serve = Callable[[float, int], tuple[float, int]]
"""A server: from the time and the requests in flight to the time and tokens of an answer (0: refused)."""


def batching(knee: int, token_s: float = 0.01, seed: int = 0) -> Serve:
    """Return a server that answers up to `knee` requests at full speed each; all others wait in line."""
    rng = random.Random(seed)
    free_at = [0.0] * knee

    def serve(now_s: float, n_in_flight: int) -> tuple[float, int]:
        n_tokens = rng.randint(50, 500)
        done_at = max(now_s, heapq.heappop(free_at)) + n_tokens * token_s
        heapq.heappush(free_at, done_at)
        return done_at, n_tokens

    return serve


def refusing(most: int, serve: Serve) -> Serve:
    """Return a server that refuses what is in flight beyond `most`, as with HTTP 429."""
    return lambda now_s, n_in_flight: (now_s + 0.01, 0) if n_in_flight > most else serve(now_s, n_in_flight)


def drive(limit: Limit, serve: Serve, n_replies: int, on_change: Callable[[int], object] = int) -> None:
    """Keep a server as full as the limit allows, as an endpoint does, until `n_replies` have come."""
    numbers = count()
    in_flight: list[tuple[float, int, int]] = []
    sent = {}
    now_s = strained_at = 0.0
    for _ in range(n_replies):
        while len(in_flight) < limit.value:
            number = next(numbers)
            sent[number] = limit.sent(now_s, len(in_flight) + 1)
            done_at, n_tokens = serve(now_s, len(in_flight) + 1)
            heapq.heappush(in_flight, (done_at, number, n_tokens))
        now_s, number, n_tokens = heapq.heappop(in_flight)
        if n_tokens:
            limit.answered(sent[number], now_s, n_tokens)
        elif sent[number].at_s >= strained_at:
            limit.back_off()
            strained_at = now_s
        on_change(limit.value)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("knee", [40, 64, 74, 100, 200, 500])
def test_the_limit_ends_where_the_server_gets_no_faster(knee: int, seed: int) -> None:
    limit = Limit(4096, 1800)
    drive(limit, batching(knee, seed=seed), 8_000)
    assert knee <= limit.value <= 4 * knee


@pytest.mark.parametrize("knee", [1, 2, 8])
def test_a_server_that_only_queues_is_sent_little_more(knee: int) -> None:
    limit = Limit(4096, 1800 * 60)
    drive(limit, batching(knee), 5_000)
    # One doubling shows it; with unequal answers, perhaps a second one is needed.
    assert FIRST_LIMIT <= limit.value <= 4 * FIRST_LIMIT


@pytest.mark.parametrize("most", [1, 5, 32, 100])
def test_the_maximum_is_reached_if_it_helps_and_never_exceeded(most: int) -> None:
    limit = Limit(most, 1800)
    seen: set[int] = set()
    drive(limit, batching(1000), 2_000, seen.add)
    limit.back_off()
    drive(limit, batching(1000), 4_000, seen.add)
    limit.reset()
    drive(limit, batching(1000), 2_000, seen.add)
    assert max(seen) == most
    assert min(seen) >= 1


def test_overload_halves_the_limit_which_then_grows_back() -> None:
    limit = Limit(4096, 1800)
    limit.back_off()
    assert limit.value == FIRST_LIMIT // 2
    seen: list[int] = []
    drive(limit, batching(1000), 5_000, seen.append)
    assert limit.value >= FIRST_LIMIT
    steps = [after / before for before, after in pairwise(seen)]
    assert max(steps) <= 1.15  # in small steps, not by doubling


def test_a_server_that_refuses_what_is_too_much_is_kept_nearly_full() -> None:
    limit = Limit(4096, 1800)
    seen: list[int] = []
    drive(limit, refusing(100, batching(1000)), 20_000, seen.append)
    settled = seen[len(seen) // 2 :]
    assert max(settled) <= 115
    assert min(settled) >= 50


def test_after_overload_a_limit_of_one_still_grows() -> None:
    limit = Limit(64, 1800)
    for _ in range(20):
        limit.back_off()
    assert limit.value == 1
    drive(limit, batching(1000), 2_000)
    assert limit.value == 64


def test_answers_that_take_much_of_the_timeout_shrink_the_limit() -> None:
    limit = Limit(4096, timeout_s=100)
    drive(limit, batching(8, token_s=0.03), 5_000)  # a slot takes 8 s: 25 in flight wait for some 25 s
    assert 8 <= limit.value <= 28
    shrunk = limit.value
    drive(limit, batching(1000), 20_000)
    assert limit.value == shrunk  # the ceiling stays, as long prompts may come again


def test_a_server_that_came_back_is_first_sent_one_request() -> None:
    limit = Limit(4096, 1800)
    drive(limit, batching(40), 5_000)
    limit.back_off()
    limit.reset()
    assert limit.value == 1
    seen: set[int] = set()
    drive(limit, batching(200), 20_000, seen.add)
    assert {2, 4, 8, 16} <= seen  # it doubles
    assert 200 <= limit.value <= 800


def test_answers_of_a_server_that_is_not_full_do_not_count() -> None:
    limit = Limit(4096, 1800)
    for second in range(1000):
        limit.answered(limit.sent(second, 1), second + 0.5, 100)
    assert limit.value == FIRST_LIMIT


def test_an_answer_to_a_request_sent_under_an_earlier_limit_does_not_count() -> None:
    limit = Limit(4096, 1800)
    before = [limit.sent(0.0, FIRST_LIMIT) for _ in range(100)]
    limit.back_off()
    value = limit.value
    for sent in before:
        limit.answered(sent, 1.0, 100)
    assert limit.value == value


def test_answers_without_tokens_or_time_break_nothing() -> None:
    limit = Limit(64, 1800)
    for _ in range(100 * N_TO_JUDGE):
        limit.answered(limit.sent(5.0, limit.value), 5.0, 0)
    assert 1 <= limit.value <= 64


def test_a_burst_of_refusals_halves_the_limit_once(server: ChatServer) -> None:
    server.always = "503"

    async def bursts() -> list[int]:
        async with Transport() as transport:
            endpoint = Endpoint(Server(f"{server.address}/v1", "tiny", "tiny"), transport, 32, 30)
            limits = []
            for _ in range(2):
                endpoint.n_in_flight = 16
                body = b'{"messages": [{"content": "a"}]}'
                replies = await asyncio.gather(
                    *(endpoint.send(body) for _ in range(16)), return_exceptions=True
                )
                assert all(isinstance(reply, Lost) and reply.cause == "busy" for reply in replies)
                limits.append(endpoint.limit.value)
            return limits

    assert asyncio.run(bursts()) == [16, 8]
