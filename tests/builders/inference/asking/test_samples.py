"""Samples of one question: asked for in one request if the server can do that, cached one by one."""

from collections import Counter
from typing import Any

import pytest

from builders.inference import Answer, RequestCache
from builders.inference.cache import request_key
from tests.builders.inference.calls import by_seed, client_of, samples, sent_texts
from tests.doubles.chat_server import ChatServer, request, texts

pytestmark = pytest.mark.usefixtures("short_pauses")


def test_samples_of_a_question_are_asked_at_once(server: ChatServer, cache: RequestCache) -> None:
    server.gives_n, server.reply = True, by_seed
    client = client_of(server, cache=cache)
    payloads = [*samples("a", range(3, 7)), request("b"), *samples("c", range(2))]
    outcomes = client.ask(payloads)
    assert texts(outcomes) == ["a 3", "a 4", "a 5", "a 6", "b 0", "c 0", "c 1"]
    sent = [(body["messages"][-1]["content"], body.get("seed"), body.get("n")) for body in server.bodies]
    assert sorted(sent, key=str) == [("a", 3, 4), ("b", None, None), ("c", 0, 2)]
    assert client.usage.asked == 3
    assert (client.usage.answered, client.usage.completion_tokens) == (7, 21)
    counts = [outcome.n_completion_tokens for outcome in outcomes if isinstance(outcome, Answer)]
    assert counts == [None, None, None, None, 3, None, None]


def test_samples_are_kept_one_by_one_under_their_seeds(server: ChatServer, cache: RequestCache) -> None:
    server.gives_n, server.reply = True, by_seed
    client = client_of(server, cache=cache)
    client.ask(samples("a", range(2)))
    client.ask(samples("a", range(5, 6)))
    server.bodies.clear()
    assert texts(client.ask(samples("a", range(7)))) == [f"a {seed}" for seed in range(7)]
    assert sorted((body["seed"], body.get("n")) for body in server.bodies) == [(2, 3), (6, None)]
    with cache.open() as answers:
        for payload in samples("a", range(7)):
            (kept,) = answers.get([request_key(payload, client.identity)]).values()
            assert isinstance(kept, Answer)
            assert kept.text == f"a {payload['seed']}"


@pytest.mark.parametrize(
    "payloads",
    [
        samples("a", range(4), temperature=0),
        samples("a", range(0, 8, 2)),
        [payload for name in "abcd" for payload in samples(name, range(1))],
        [{**payload, "max_tokens": 5 + i} for i, payload in enumerate(samples("a", range(4)))],
        [
            {name: value for name, value in payload.items() if name != "temperature"}
            for payload in samples("a", range(4))
        ],
    ],
    ids=["temperature 0", "gaps", "other questions", "other options", "no temperature"],
)
def test_only_samples_that_differ_in_consecutive_seeds_are_asked_at_once(
    server: ChatServer, cache: RequestCache, payloads: list[dict[str, Any]]
) -> None:
    server.gives_n, server.reply = True, by_seed
    outcomes = client_of(server, cache=cache).ask(payloads)
    assert texts(outcomes) == [by_seed(payload)[0] for payload in payloads]
    assert [body.get("n") for body in server.bodies] == [None] * 4


@pytest.mark.parametrize("refuses", [False, True], ids=["gives one", "refuses"])
def test_a_server_without_n_is_asked_for_one_sample_at_a_time(
    server: ChatServer, cache: RequestCache, refuses: bool
) -> None:
    server.reply, server.refuses_n = by_seed, refuses
    client = client_of(server, cache=cache, concurrency=1)
    names = ["a", "b", "c"]
    outcomes = client.ask([payload for name in names for payload in samples(name, range(4))])
    assert texts(outcomes) == [f"{name} {seed}" for name in names for seed in range(4)]
    assert [body["n"] for body in server.bodies if "n" in body] == [4]  # after that one it is known
    n_answered = Counter((sent_texts(server)[i], body["seed"]) for i, body in enumerate(server.bodies))
    n_answered[("a", 0)] -= refuses
    assert n_answered == {(name, seed): 1 for name in names for seed in range(4)}
    server.bodies.clear()
    client.ask(samples("d", range(4)))
    assert not any("n" in body for body in server.bodies)


def test_samples_that_come_broken_are_asked_for_again(server: ChatServer, cache: RequestCache) -> None:
    server.gives_n, server.reply, server.n_good = True, by_seed, 3
    client = client_of(server, cache=cache)
    assert texts(client.ask(samples("a", range(5)))) == [f"a {seed}" for seed in range(5)]
    assert client.usage.answered == 5


def test_a_prompt_that_is_too_long_is_refused_in_all_its_samples_and_costs_others_nothing(
    server: ChatServer, cache: RequestCache
) -> None:
    server.gives_n, server.reply = True, by_seed
    server.faults["long"] = ["too_long"] * 9
    client = client_of(server, cache=cache, concurrency=1)
    outcomes = client.ask(samples("long", range(3)) + samples("a", range(2)))
    assert texts(outcomes) == ["context_too_long"] * 3 + ["a 0", "a 1"]
    assert [body["n"] for body in server.bodies if "n" in body] == [3, 2]


def test_samples_that_are_lost_together_are_tried_again_one_by_one(
    server: ChatServer, cache: RequestCache
) -> None:
    server.gives_n, server.reply = True, by_seed
    server.faults["a"] = ["500", "drop"]
    client = client_of(server, cache=cache)
    assert texts(client.ask(samples("a", range(3)))) == ["a 0", "a 1", "a 2"]
    assert [body.get("n") for body in server.bodies] == [3, None, None, None, None]
