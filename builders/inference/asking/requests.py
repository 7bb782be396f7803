"""HTTP requests, before they are sent.

A `Request` carries one payload, or several that differ only in consecutive seeds: samples of one question,
which the server is asked to draw at once. A prefill request makes the server compute a prompt whose long
prefix other requests share; its answer is not used.
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
"""A function of a chain's index and its answers so far: it returns the next payload, or None at the end."""


@dataclass(eq=False)
class Request:
    """One HTTP request: its payloads by key, in the order of their seeds, and its failed tries so far."""

    payloads: dict[str, Payload]
    group: str
    n_tries: int = 0
    first_lost_s: float = 0.0
    is_prefill: bool = False

    def body(self, model: str, extra_fields: Payload) -> bytes:
        """Return the JSON to send, escaped as ASCII, so that it can hold half of a surrogate pair too."""
        payload = {"model": model, **next(iter(self.payloads.values())), **extra_fields}
        if self.is_prefill:
            payload.pop("response_format", None)
            payload["max_tokens"] = 1
        elif len(self.payloads) > 1:
            payload["n"] = len(self.payloads)
        return json.dumps(payload).encode()

    def prefill(self) -> "Request":
        """Return the prefill request for this prompt; the server computes the prompt and a single token."""
        return replace(self, is_prefill=True)

    def split_up(self) -> list["Request"]:
        """Return a separate request for each payload."""
        return [replace(self, payloads={key: payload}) for key, payload in self.payloads.items()]
