"""A server that reports its load gets as many requests as it can run, and few more."""

import json
from typing import Any

import pytest

from builders.inference import RequestCache, connect
from builders.inference.asking.limit import MIN_SPARE, TOKENS_PER_REQUEST, Limit
from builders.inference.servers.load import Load, read_load
from tests.builders.inference.calls import client_of, in_thread, wait_until
from tests.doubles.chat_server import ChatServer, request, texts


def rank(**counts: Any) -> dict[str, Any]:
    defaults = {"num_running_reqs": 5, "num_waiting_reqs": 2, "max_total_num_tokens": 1000, "timestamp": 7.5}
    return {**defaults, **counts}


def load(n_running: int, n_waiting: int) -> Load:
    return Load(0.0, n_running, n_waiting, 0)


def runs_at_most(server: ChatServer, n: int, n_cache_tokens: int) -> None:
    """Make the server look like sglang that runs at most `n` requests and lets the others wait."""
    seconds = iter(range(1_000_000))

    def loads() -> dict[str, Any]:
        n_running = min(n, server.n_in_flight)
        counts = {"num_running_reqs": n_running, "num_waiting_reqs": server.n_in_flight - n_running}
        return {"loads": [rank(**counts, timestamp=next(seconds), max_total_num_tokens=n_cache_tokens)]}

    server.pages["/model_info"] = {"model_path": "weights"}
    server.pages["/v1/loads?include=core"] = loads


def test_ranks_are_summed() -> None:
    body = json.dumps({"loads": [rank(), rank(timestamp=8.5)]}).encode()
    assert read_load(body) == Load(8.5, 10, 4, 2000)


@pytest.mark.parametrize(
    "body",
    [b"", b"no", b"[]", b"null", b'{"loads": 3}', b'{"loads": []}', b'{"loads": [{"num_running_reqs": 5}]}',
     b'{"loads": [null]}', b'{"loads": [{"num_running_reqs": "many", "num_waiting_reqs": 2, "timestamp": 1,'
     b' "max_total_num_tokens": 9}]}', b"\xff\xfe"],
)  # fmt: skip
def test_a_page_of_another_form_is_not_a_load(body: bytes) -> None:
    assert read_load(body) is None


def test_the_first_limit_follows_from_the_size_of_the_cache() -> None:
    assert Limit(256, 1800, 40 * TOKENS_PER_REQUEST).value == 40
    assert Limit(256, 1800, 10_000 * TOKENS_PER_REQUEST).value == 256
    assert Limit(256, 1800, 10).value == MIN_SPARE
    assert Limit(4, 1800, 40 * TOKENS_PER_REQUEST).value == 4


def test_what_waits_at_the_server_shrinks_the_limit_and_an_empty_queue_raises_it() -> None:
    limit = Limit(256, 1800, 100 * TOKENS_PER_REQUEST)
    limit.adjust_to_load(load(40, 60), n_in_flight=100)
    assert limit.value == 50  # the running ones and a quarter more
    limit.adjust_to_load(load(40, 10), n_in_flight=50)
    assert limit.value == 50
    limit.adjust_to_load(load(45, 5), n_in_flight=50)
    assert limit.value == 56
    limit.adjust_to_load(load(56, 0), n_in_flight=56)
    assert limit.value == 70
    limit.adjust_to_load(load(20, 0), n_in_flight=20)
    assert limit.value == 70  # there were no more requests to run
    for _ in range(20):
        limit.adjust_to_load(load(limit.value, 0), n_in_flight=limit.value)
    assert limit.value == 256


def test_a_server_that_has_not_seen_all_requests_yet_does_not_raise_the_limit() -> None:
    limit = Limit(256, 1800, 32 * TOKENS_PER_REQUEST)
    limit.adjust_to_load(load(0, 0), n_in_flight=32)
    limit.adjust_to_load(load(20, 8), n_in_flight=32)
    assert limit.value == 32


def test_a_server_used_by_others_too_is_left_one_request() -> None:
    limit = Limit(256, 1800, 32 * TOKENS_PER_REQUEST)
    limit.adjust_to_load(load(30, 500), n_in_flight=32)
    assert limit.value == 1
    limit.adjust_to_load(load(30, 0), n_in_flight=1)
    assert limit.value == 38


def test_answers_do_not_move_the_limit_of_a_server_that_reports_its_load() -> None:
    limit = Limit(256, 1800, 32 * TOKENS_PER_REQUEST)
    for second in range(1000):
        limit.answered(limit.sent(second, 32), second + 1, 100)
    assert limit.value == 32


def test_what_a_server_cannot_run_waits_with_the_client(
    server: ChatServer, cache: RequestCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builders.inference.asking.endpoint.LOAD_EVERY_S", 0.02)
    server.delay_s = 0.2
    runs_at_most(server, 16, n_cache_tokens=64 * TOKENS_PER_REQUEST)
    client = client_of(server, cache=cache, concurrency=256)
    names = [f"q{number}" for number in range(300)]
    call = in_thread(client.ask, [request(name) for name in names])
    wait_until(lambda: len(server.answered) > 64)
    server.n_in_flight_most = 0
    assert texts(call.result(60)) == [name.upper() for name in names]
    assert 16 <= server.n_in_flight_most <= 16 + 2 * MIN_SPARE


def test_a_server_that_can_run_more_is_sent_more(
    server: ChatServer, cache: RequestCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builders.inference.asking.endpoint.LOAD_EVERY_S", 0.02)
    server.delay_s = 0.2
    runs_at_most(server, 1000, n_cache_tokens=8 * TOKENS_PER_REQUEST)
    client = client_of(server, cache=cache, concurrency=100)
    client.ask([request(f"q{number}") for number in range(600)])
    assert server.n_in_flight_most > 90


@pytest.mark.parametrize("fault", ["500", "drop", "babble"])
def test_a_load_that_cannot_be_read_changes_nothing(
    server: ChatServer, cache: RequestCache, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr("builders.inference.asking.endpoint.LOAD_EVERY_S", 0.01)
    runs_at_most(server, 16, n_cache_tokens=8 * TOKENS_PER_REQUEST)
    server.delay_s = 0.05
    client = client_of(server, cache=cache, concurrency=100)
    server.always_get = fault
    names = [f"q{number}" for number in range(100)]
    assert texts(client.ask([request(name) for name in names])) == [name.upper() for name in names]


def test_the_limit_of_a_server_without_that_page_is_measured(server: ChatServer) -> None:
    server.pages["/model_info"] = {"model_path": "weights"}
    assert connect(server.address).n_cache_tokens == 0
    runs_at_most(server, 16, n_cache_tokens=99)
    assert connect(server.address).n_cache_tokens == 99
