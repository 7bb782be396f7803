"""One call for outcomes: its chains, and how it ends."""

import asyncio
from collections.abc import Callable, Sequence

from builders.inference.errors import Unanswered
from builders.inference.requests import Chain, Payload, Then


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
