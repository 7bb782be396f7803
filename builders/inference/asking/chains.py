"""An ask: one call for outcomes, with its chains, the requests that they make, and how it ends.

A chain begins with a payload. Each answer may be followed by another payload (for an answer in a different
form, or with a longer limit), until none follows.
"""

import asyncio
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from builders.inference.asking.requests import Outcome, Payload, Request, Then
from builders.inference.errors import Unanswered


@dataclass(eq=False)
class Chain:
    """One chain of an ask: its current payload with the key, and its outcomes so far."""

    ask: "Ask"
    index: int
    key: str
    payload: Payload
    group: str
    outcomes: list[Outcome] = field(default_factory=list)


class Ask:
    """The chains of one call, and a future for the end of all; it belongs to the running event loop."""

    def __init__(
        self,
        payloads: Sequence[tuple[str, Payload]],
        groups: Sequence[str],
        then: Then,
        on_end: Callable[[int], None] | None = None,
    ) -> None:
        self.chains = [
            Chain(self, index, key, payload, group)
            for index, ((key, payload), group) in enumerate(zip(payloads, groups, strict=True))
        ]
        self.then = then
        self._on_end = on_end
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.failure: BaseException | None = None
        self._n_left = len(self.chains)
        self._n_open = 0
        self._reason = ""
        if not self.chains:
            self.done.set_result(None)

    @property
    def is_over(self) -> bool:
        """Whether the call no longer waits: all chains have ended, or it failed or was cancelled."""
        return self.done.done()

    def end_chain(self, open_reason: str | None = None) -> None:
        """Count one more chain as ended; `open_reason` is the reason if it stays without an outcome."""
        self._n_left -= 1
        try:
            if self._on_end:
                self._on_end(1)
        except Exception as error:
            self.fail(error)
        if open_reason is not None:
            self._n_open, self._reason = self._n_open + 1, open_reason
        if self._n_left or self.is_over:
            return
        if self._n_open:
            n_answered = len(self.chains) - self._n_open
            self.done.set_exception(Unanswered(self._n_open, self._reason, n_answered))
        else:
            self.done.set_result(None)

    def fail(self, error: BaseException) -> None:
        """Fail the call with an error of `then`, `on_end` or the cache, even after the last outcome came."""
        self.failure = self.failure or error
        if not self.is_over:
            self.done.set_exception(error)


def bundled(chains: Iterable[Chain]) -> list[Request]:
    """Return requests for chains, in order; payloads that differ only in consecutive seeds share one.

    A server that is asked for `n` answers draws them with the request's seed and those after it (vLLM), or
    with seeds of its own choice.
    """
    requests: list[Request] = []
    last_by_question: dict[str, tuple[int, Request]] = {}
    for chain in chains:
        seed = chain.payload.get("seed")
        if not isinstance(seed, int) or not chain.payload.get("temperature"):
            requests.append(Request({chain.key: chain.payload}, chain.group))
            continue
        question = json.dumps({**chain.payload, "seed": None}, sort_keys=True)
        last_seed, request = last_by_question.get(question, (None, None))
        if request and last_seed == seed - 1:
            request.payloads[chain.key] = chain.payload
        else:
            request = Request({chain.key: chain.payload}, chain.group)
            requests.append(request)
        last_by_question[question] = seed, request
    return requests
