"""Who waits for which outcome: chains, taken on as outcomes come.

In: asks; what servers replied. Out: every chain's outcomes; in the queues, a request for each key that
somebody waits for. Outcomes go to the request cache before any chain sees them, and to disk before its call
returns. Not covered: sending requests, and what becomes of those without a reply (`dispatch`).
Tested in tests/builders/inference/asking/test_client.py.
"""

import asyncio
from collections.abc import Iterable, Mapping

from builders.inference.answers import Answer, Refusal
from builders.inference.asking.chains import Ask, Chain, bundled
from builders.inference.asking.queues import Queues
from builders.inference.asking.requests import Outcome, Request
from builders.inference.cache import OpenCache, request_key
from builders.inference.usage import Usage


class Waiting:
    """All chains of one client that wait, by the key of what they wait for; lives on one event loop."""

    def __init__(self, cache: OpenCache, queues: Queues, usage: Usage, identity: str) -> None:
        self._cache = cache
        self._queues = queues
        self._usage = usage
        self._identity = identity
        self._chains: dict[str, list[Chain]] = {}
        self._asks: set[Ask] = set()
        self._is_keeping = False

    def enter(self, ask: Ask) -> list[tuple[Chain, Outcome]]:
        """Have a call's chains wait, with requests for what nobody asked yet; returns those with an outcome.

        All in one go: nothing that is answered meanwhile is asked a second time.
        """
        self._asks.add(ask)
        cached = self._cache.get(list({chain.key for chain in ask.chains}))
        new = [chain for chain in ask.chains if chain.key not in cached]
        for request in bundled([chain for chain in new if self._waits(chain)]):
            self._queues.put(request)
        return [(chain, cached[chain.key]) for chain in ask.chains if chain.key in cached]

    def leave(self, ask: Ask) -> None:
        """A call ends; what it was given is on disk, or it fails."""
        self.keep()
        self._asks.discard(ask)

    def go_on(self, chain: Chain, outcome: Outcome | None) -> None:
        """Take a chain as far as what is known reaches; what it needs then goes out ahead of all else."""
        while outcome is not None:
            if isinstance(outcome, Answer):
                self._usage.from_cache += outcome.from_cache
            if chain.ask.over or not self._takes(chain, outcome):
                return
            outcome = self._cache.get([chain.key]).get(chain.key)
        if self._waits(chain):
            self._queues.put(Request({chain.key: chain.payload}, chain.group), ahead=True)

    def refused(self, key: str, refusal: Refusal) -> None:
        """A server will never answer this."""
        self._begin_to_keep()
        self._cache.refuse(key, refusal)
        self._give({key: refusal})

    def answered(self, answers: Mapping[str, Answer]) -> None:
        """What a server answered."""
        self._begin_to_keep()
        self._give({key: self._cache.put(key, answer) for key, answer in answers.items()})

    def keep(self) -> None:
        """What came goes to disk; where it does not, whoever may have been given it is told."""
        if not self._is_keeping:
            return
        self._is_keeping = False
        try:
            self._cache.commit()
        except Exception as error:  # disk full
            for ask in self._asks:
                ask.fails(error)

    def wants(self, request: Request) -> bool:
        """Whether anybody still waits for it."""
        return not all(chain.ask.over for chain in self._of(request.payloads))

    def fail(self, request: Request, error: Exception) -> None:
        """The calls that wait for a request fail."""
        for chain in self._of(request.payloads):
            chain.ask.fails(error)
        self.forget(request)

    def forget(self, request: Request) -> None:
        """A request that nobody waits for."""
        for key in request.payloads:
            self._chains.pop(key, None)

    def leave_open(self, request: Request, reason: str) -> None:
        """Give a request up for this time."""
        for key in request.payloads:
            for chain in self._chains.pop(key, []):
                if not chain.ask.over:
                    chain.ask.ends(open_for=reason)

    def cancel(self) -> None:
        """All calls end."""
        for chain in self._of(list(self._chains)):
            chain.ask.done.cancel()

    def _waits(self, chain: Chain) -> bool:
        """Have a chain wait for its key's outcome; whether it is the first, so that a request is due."""
        others = self._chains.setdefault(chain.key, [])
        others.append(chain)
        return len(others) == 1

    def _takes(self, chain: Chain, outcome: Outcome) -> bool:
        """Give a chain an outcome; whether it asks for more."""
        chain.outcomes.append(outcome)
        try:
            answers = [one for one in chain.outcomes if isinstance(one, Answer)]
            payload = chain.ask.then(chain.index, answers) if isinstance(outcome, Answer) else None
            if payload is None:
                chain.ask.ends()
                return False
            chain.key, chain.payload = request_key(payload, self._identity), payload
        except Exception as error:  # of the code that says what follows: its caller's
            chain.ask.fails(error)
            return False
        return True

    def _give(self, outcomes: Mapping[str, Outcome]) -> None:
        for key, outcome in outcomes.items():
            for chain in self._chains.pop(key, []):
                try:
                    self.go_on(chain, outcome)
                except Exception as error:  # the cache's; nothing waits for this chain any more
                    chain.ask.fails(error)

    def _begin_to_keep(self) -> None:
        """Answers that come in one turn of the loop go to disk together."""
        if not self._is_keeping:
            self._cache.begin()
            self._is_keeping = True
            asyncio.get_running_loop().call_soon(self.keep)

    def _of(self, keys: Iterable[str]) -> list[Chain]:
        return [chain for key in keys for chain in self._chains.get(key, [])]
