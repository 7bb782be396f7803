"""One call for outcomes: its chains, the requests they make, and how it ends.

A chain begins with a payload; each answer may call for another one (an answer in another form, a longer
limit), until none follows.
"""

import asyncio
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from builders.inference.asking.requests import Outcome, Payload, Request, Then
from builders.inference.errors import Unanswered


@dataclass(eq=False)
class Chain:
    """One question of an ask: the payload it is at, and what came so far."""

    ask: "Ask"
    index: int
    key: str
    payload: Payload
    group: str
    outcomes: list[Outcome] = field(default_factory=list)


class Ask:
    """Chains of one call, and the future that waits for all of them; belongs to the running event loop."""

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
    def over(self) -> bool:
        """Whether nobody waits any more: all is done, or it failed, or was cancelled."""
        return self.done.done()

    def ends(self, open_for: str | None = None) -> None:
        """One more chain has all its outcomes, or stays open for a reason."""
        self._n_left -= 1
        try:
            if self._on_end:
                self._on_end(1)
        except Exception as error:
            self.fails(error)
        if open_for is not None:
            self._n_open, self._reason = self._n_open + 1, open_for
        if self._n_left or self.over:
            return
        if self._n_open:
            n_answered = len(self.chains) - self._n_open
            self.done.set_exception(Unanswered(self._n_open, self._reason, n_answered))
        else:
            self.done.set_result(None)

    def fails(self, error: BaseException) -> None:
        """Its own code, or the cache, failed; perhaps after the last outcome came."""
        self.failure = self.failure or error
        if not self.over:
            self.done.set_exception(error)


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
