"""What is asked, on its way: questions, the chains of requests they take, and what goes over the wire.

A chain begins with a payload; each answer may call for another one (an answer in another form, a longer
limit), until none follows. A `Request` is one HTTP request: one payload, or several that differ only in
consecutive seeds, samples of one question that the server is asked to draw at once. A primer has the server
compute a prompt that others share the most of; its answer is nobody's.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from builders.inference.answers import Answer, Refusal

if TYPE_CHECKING:
    from builders.inference.ask import Ask

Payload = dict[str, Any]
Outcome = Answer | Refusal
Then = Callable[[int, list[Answer]], Payload | None]
"""Of a chain's number and its answers so far: what to ask next, if anything."""


@dataclass(eq=False)
class Chain:
    """One question of an ask: the payload it is at, and what came so far."""

    ask: "Ask"
    index: int
    key: str
    payload: Payload
    group: str
    outcomes: list[Outcome] = field(default_factory=list)


@dataclass(eq=False)
class Request:
    """One HTTP request: payloads by their keys, in the order of their seeds."""

    payloads: dict[str, Payload]
    group: str
    n_tries: int = 0
    first_lost_s: float = 0.0
    is_primer: bool = False

    def body(self, model: str, extras: Payload) -> bytes:
        """The JSON to send. Escaped as ASCII, any Python string can be sent, half surrogate pairs too."""
        payload = {"model": model, **next(iter(self.payloads.values())), **extras}
        if self.is_primer:
            payload.pop("response_format", None)
            payload["max_tokens"] = 1
        elif len(self.payloads) > 1:
            payload["n"] = len(self.payloads)
        return json.dumps(payload).encode()

    def primer(self) -> "Request":
        """What has the server compute the prompt, and no more."""
        return replace(self, is_primer=True)

    def apart(self) -> list["Request"]:
        """A request for each payload."""
        return [replace(self, payloads={key: payload}) for key, payload in self.payloads.items()]


def bundled(chains: Iterable[Chain]) -> list[Request]:
    """Requests for chains, in order; what differs only in consecutive seeds becomes one.

    A server that is asked for `n` answers draws them under the seed given and those after it (vLLM), or under
    seeds of its own.
    """
    requests: list[Request] = []
    open_ones: dict[str, tuple[int, Request]] = {}
    for chain in chains:
        seed = chain.payload.get("seed")
        if not isinstance(seed, int) or not chain.payload.get("temperature"):
            requests.append(Request({chain.key: chain.payload}, chain.group))
            continue
        question = json.dumps({**chain.payload, "seed": None}, sort_keys=True)
        last_seed, request = open_ones.get(question, (None, None))
        if request and last_seed == seed - 1:
            request.payloads[chain.key] = chain.payload
        else:
            request = Request({chain.key: chain.payload}, chain.group)
            requests.append(request)
        open_ones[question] = seed, request
    return requests
