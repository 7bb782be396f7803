"""Chains: questions whose answers are followed by another request, with its place in the queues."""

from typing import Any

import pytest

from builders.inference import Answer, RequestCache
from tests.builders.inference.calls import WAIT_S, client_of, in_thread, sent_texts
from tests.doubles.chat_server import ChatServer, request, texts

pytestmark = pytest.mark.usefixtures("short_pauses")


def test_what_follows_goes_out_before_what_was_waiting(server: ChatServer, cache: RequestCache) -> None:
    def then(index: int, answers: list[Answer]) -> dict[str, Any] | None:
        assert [answer.text for answer in answers] == [f"ROW {index}", f"ROW {index} MORE"][: len(answers)]
        return request(f"row {index} more") if len(answers) == 1 else None

    client = client_of(server, cache=cache, concurrency=1)
    outcomes = client.chains([request(f"row {i}") for i in range(6)], then)
    assert [texts(chain) for chain in outcomes] == [[f"ROW {i}", f"ROW {i} MORE"] for i in range(6)]
    assert sent_texts(server) == [f"row {i}{more}" for i in range(6) for more in ("", " more")]

    again = client_of(server, cache=cache)
    repeated = again.chains([request(f"row {i}") for i in range(6)], then)
    assert [texts(chain) for chain in repeated] == [texts(chain) for chain in outcomes]
    assert len(server.bodies) == 12
    assert (again.usage.asked, again.usage.from_cache) == (0, 12)


def test_a_chain_stays_on_its_server(two: tuple[ChatServer, ChatServer], cache: RequestCache) -> None:
    for server in two:
        server.delay_s = 0.01

    def then(index: int, answers: list[Answer]) -> dict[str, Any] | None:
        return request(f"row {index} step {len(answers)}") if len(answers) < 4 else None

    names = [f"row {i} step 0" for i in range(2)]
    client = client_of(*two, cache=cache, concurrency=1)
    client.chains([request(name) for name in names], then, groups=names)
    assert sorted(len({text[:5] for text in sent_texts(server)}) for server in two) == [1, 1]


def test_what_follows_may_be_what_another_waits_for(server: ChatServer, cache: RequestCache) -> None:
    def then(index: int, answers: list[Answer]) -> dict[str, Any] | None:
        return request("shared") if len(answers) == 1 else None

    payloads = [request(name) for name in ("a", "b", "shared", "a")]
    outcomes = client_of(server, cache=cache).chains(payloads, then)
    assert [texts(chain) for chain in outcomes] == [
        ["A", "SHARED"],
        ["B", "SHARED"],
        ["SHARED", "SHARED"],
        ["A", "SHARED"],
    ]
    assert server.asked == {"a": 1, "b": 1, "shared": 1}


def test_a_refusal_ends_its_chain(server: ChatServer, cache: RequestCache) -> None:
    server.faults["a more"] = ["422"]
    seen: list[int] = []

    def then(index: int, answers: list[Answer]) -> dict[str, Any]:
        seen.append(len(answers))
        return request(answers[-1].text.lower() + " more") if len(answers) < 3 else request("never ends")

    (outcomes,) = client_of(server, cache=cache).chains([request("a")], then)
    assert texts(outcomes) == ["A", "rejected"]
    assert seen == [1]


def test_options_of_the_client_are_asked_in_what_follows_too(server: ChatServer, cache: RequestCache) -> None:
    client = client_of(server, cache=cache, options={"top_k": 5})
    client.chains([request("a")], lambda _, answers: request("b") if len(answers) == 1 else None)
    assert [body["top_k"] for body in server.bodies] == [5, 5]


@pytest.mark.parametrize("fault", [None, "422", "dead"], ids=["answered", "refused", "given up"])
def test_an_error_of_on_end_fails_the_call(
    server: ChatServer, cache: RequestCache, fault: str | None
) -> None:
    def on_end(_: int) -> None:
        raise RuntimeError("the progress bar fell over")

    client = client_of(server, cache=cache, patience_s=0)
    if fault == "422":
        server.faults["a"] = [fault]
    elif fault == "dead":
        server.die()
    call = in_thread(client.chains, [request("a")], lambda *_: None, None, on_end)
    with pytest.raises(RuntimeError, match="fell over"):
        call.result(WAIT_S)


def test_a_follow_up_must_not_name_a_model(server: ChatServer, cache: RequestCache) -> None:
    with pytest.raises(ValueError, match="must not name a model"):
        client_of(server, cache=cache).chains([request("a")], lambda *_: request("b", model="huge"))
