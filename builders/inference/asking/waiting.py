"""The chains that wait for outcomes: each advances when its outcome comes.

In: asks, and the outcomes of requests. Out: the outcomes of every chain; and in the queues, one request for
each key that a chain waits for. An outcome is put into the request cache before any chain gets it, and is on
disk before the chain's call returns. Not covered: sending requests, and those without a reply (`dispatch`).
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


class WaitingChains:
    """All waiting chains of one client, by the key they wait for; it belongs to one event loop."""

    def __init__(self, cache: OpenCache, queues: Queues, usage: Usage, identity: str) -> None:
        self._cache = cache
        self._queues = queues
        self._usage = usage
        self._identity = identity
        self._chains: dict[str, list[Chain]] = {}
        self._asks: set[Ask] = set()
        self._in_transaction = False

    def enter(self, ask: Ask) -> list[tuple[Chain, Outcome]]:
        """Make a call's chains wait, queue requests for new keys, and return the chains with cached outcomes.

        There is no `await` between these steps: a request answered in between would be sent again.
        """
        self._asks.add(ask)
        cached = self._cache.get(list({chain.key for chain in ask.chains}))
        uncached = [chain for chain in ask.chains if chain.key not in cached]
        for request in bundled([chain for chain in uncached if self._add_waiting(chain)]):
            self._queues.put(request)
        return [(chain, cached[chain.key]) for chain in ask.chains if chain.key in cached]

    def leave(self, ask: Ask) -> None:
        """End a call: write its outcomes to disk, or let it fail if they cannot be written."""
        self.flush()
        self._asks.discard(ask)

    def advance(self, chain: Chain, outcome: Outcome | None) -> None:
        """Advance a chain as far as cached outcomes allow, then queue its next request ahead of others."""
        while outcome is not None:
            if isinstance(outcome, Answer):
                self._usage.from_cache += outcome.from_cache
            if chain.ask.is_over or not self._add_outcome(chain, outcome):
                return
            outcome = self._cache.get([chain.key]).get(chain.key)
        if self._add_waiting(chain):
            self._queues.put(Request({chain.key: chain.payload}, chain.group), ahead=True)

    def deliver_refusal(self, key: str, refusal: Refusal) -> None:
        """Store a permanent refusal, and give it to the chains that wait for its key."""
        self._begin_transaction()
        self._cache.refuse(key, refusal)
        self._deliver({key: refusal})

    def deliver_answers(self, answers: Mapping[str, Answer]) -> None:
        """Store answers, and give them to the chains that wait for their keys."""
        self._begin_transaction()
        self._deliver({key: self._cache.put(key, answer) for key, answer in answers.items()})

    def flush(self) -> None:
        """Write the new outcomes to disk; if that fails, fail every call: any may have received some."""
        if not self._in_transaction:
            return
        self._in_transaction = False
        try:
            self._cache.commit()
        except Exception as error:  # disk full
            for ask in self._asks:
                ask.fail(error)

    def wants(self, request: Request) -> bool:
        """Return whether any call still waits for a request."""
        return not all(chain.ask.is_over for chain in self._chains_for(request.payloads))

    def fail(self, request: Request, error: Exception) -> None:
        """Fail the calls that wait for a request."""
        for chain in self._chains_for(request.payloads):
            chain.ask.fail(error)
        self.forget(request)

    def forget(self, request: Request) -> None:
        """Remove the chains that wait for a request; their calls are over."""
        for key in request.payloads:
            self._chains.pop(key, None)

    def give_up(self, request: Request, reason: str) -> None:
        """Give a request up for this run: its chains end without an outcome, for this reason."""
        for key in request.payloads:
            for chain in self._chains.pop(key, []):
                if not chain.ask.is_over:
                    chain.ask.end_chain(open_reason=reason)

    def cancel(self) -> None:
        """Cancel all calls."""
        for chain in self._chains_for(list(self._chains)):
            chain.ask.done.cancel()

    def _add_waiting(self, chain: Chain) -> bool:
        """Make a chain wait for its key; return whether it is the first, so that a request is needed."""
        chains = self._chains.setdefault(chain.key, [])
        chains.append(chain)
        return len(chains) == 1

    def _add_outcome(self, chain: Chain, outcome: Outcome) -> bool:
        """Give a chain an outcome; return whether it has a next payload."""
        chain.outcomes.append(outcome)
        try:
            answers = [answer for answer in chain.outcomes if isinstance(answer, Answer)]
            payload = chain.ask.then(chain.index, answers) if isinstance(outcome, Answer) else None
            if payload is None:
                chain.ask.end_chain()
                return False
            chain.key, chain.payload = request_key(payload, self._identity), payload
        except Exception as error:  # from the caller's `then`
            chain.ask.fail(error)
            return False
        return True

    def _deliver(self, outcomes: Mapping[str, Outcome]) -> None:
        for key, outcome in outcomes.items():
            for chain in self._chains.pop(key, []):
                try:
                    self.advance(chain, outcome)
                except Exception as error:  # from the cache; no request will come back to this chain
                    chain.ask.fail(error)

    def _begin_transaction(self) -> None:
        """Begin a transaction, unless there is one, for all outcomes of this turn of the event loop."""
        if not self._in_transaction:
            self._cache.begin()
            self._in_transaction = True
            asyncio.get_running_loop().call_soon(self.flush)

    def _chains_for(self, keys: Iterable[str]) -> list[Chain]:
        return [chain for key in keys for chain in self._chains.get(key, [])]
