"""What goes over the wire.

A `Request` is one HTTP request: one payload, or several that differ only in consecutive seeds, samples of one
question that the server is asked to draw at once. A prefill request has the server compute a prompt that
others share the most of; its answer is nobody's.
Tested in tests/builders/inference/asking/test_queues.py.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from builders.inference.answers import Answer, Refusal

Payload = dict[str, Any]
Outcome = Answer | Refusal
Then = Callable[[int, list[Answer]], Payload | None]
"""Of a chain's number and its answers so far: what to ask next, if anything."""


@dataclass(eq=False)
class Request:
    """One HTTP request: payloads by their keys, in the order of their seeds."""

    payloads: dict[str, Payload]
    group: str
    n_tries: int = 0
    first_lost_s: float = 0.0
    is_prefill: bool = False

    def body(self, model: str, extras: Payload) -> bytes:
        """The JSON to send. Escaped as ASCII, any Python string can be sent, half surrogate pairs too."""
        payload = {"model": model, **next(iter(self.payloads.values())), **extras}
        if self.is_prefill:
            payload.pop("response_format", None)
            payload["max_tokens"] = 1
        elif len(self.payloads) > 1:
            payload["n"] = len(self.payloads)
        return json.dumps(payload).encode()

    def prefill(self) -> "Request":
        """What has the server compute the prompt, and no more."""
        return replace(self, is_prefill=True)

    def apart(self) -> list["Request"]:
        """A request for each payload."""
        return [replace(self, payloads={key: payload}) for key, payload in self.payloads.items()]
