"""How many requests to have in flight at one server: as many as make it faster, no more.

In: answers with their tokens and times, and signs of strain. Out: a limit. It begins at `first` and doubles
while that raises the rate of tokens; a server that only queues what it is sent shows the same rate and longer
times. Strain (429, 5xx, timeouts) halves it, after which it grows by a tenth at a time.

A server that tells its load is sent as much as it can run, and a little that waits there. More of it
makes nothing faster, but its prefixes, computed ahead, are the first that a small cache drops.

The rate at a limit is told by Little's law from requests that were sent while it held: in flight times tokens
by seconds of waiting. So neither the filling of the first seconds nor the last requests of a batch count.
Not covered: pauses that a server asks for, and whether it answers at all (`endpoint`).
"""

from dataclasses import dataclass

from builders.inference.servers.load import Load

FIRST = 32
FIRST_TOKENS = 512  # of a question and its answer beyond what it shares: how many a cache may bear, at first
MIN_SPARE, SPARE_SHARE = 8, 0.25  # what may wait in a server, by what it runs
N_TO_JUDGE = 8  # answers at least, before a limit is judged
WORTH = 1.15  # what doubling must multiply the rate by, to be kept up
SHARE_OF_TIMEOUT = 0.25  # most of a request's time that may pass in waiting and answering, on average


@dataclass(frozen=True)
class Sent:
    """When a request went out, and whether it belongs to those that a limit is judged by."""

    at_s: float
    round: int | None


class Limit:
    """The limit of one server, between 1 and `most`; `value` is what holds now.

    `n_cache_tokens`: of a server that tells its load.
    """

    def __init__(self, most: int, timeout_s: float, n_cache_tokens: int = 0) -> None:
        self.most = most
        self._timeout_s = timeout_s
        self._is_told = n_cache_tokens > 0
        first = max(MIN_SPARE, n_cache_tokens // FIRST_TOKENS) if self._is_told else FIRST
        self._value = float(min(first, most))
        self._doubling = True
        self._best_rate = 0.0
        self._ceiling = float(most)
        self._round = 0
        self._begin_round()

    @property
    def value(self) -> int:
        """Requests that may be in flight."""
        return max(1, int(self._value))

    def sent(self, now_s: float, n_in_flight: int) -> Sent:
        """A request goes out as the `n_in_flight`th; only those of a full server tell what it can do."""
        return Sent(now_s, self._round if n_in_flight >= 0.8 * self.value else None)

    def answered(self, sent: Sent, now_s: float, n_tokens: int) -> None:
        """An answer of `n_tokens` came."""
        if sent.round != self._round:
            return
        self._n_answers += 1
        self._n_tokens += max(1, n_tokens)
        self._waited_s += max(1e-6, now_s - sent.at_s)
        if self._n_answers >= max(N_TO_JUDGE, self._value / 2):
            self._judge()

    def told(self, load: Load, n_in_flight: int) -> None:
        """The server tells its load, while it has been sent `n_in_flight`."""
        spare = max(MIN_SPARE, int(SPARE_SHARE * load.n_running))
        if load.n_waiting > spare:
            self._value = max(1.0, n_in_flight + spare - load.n_waiting)
        else:
            self._value = min(max(self._value, load.n_running + spare), self._ceiling)

    def strained(self) -> None:
        """The server or the way to it could not bear what was in flight."""
        self._value = max(1.0, self._value / 2)
        self._doubling = False
        self._begin_round()

    def anew(self) -> None:
        """A server that was gone is tried with one request, then more."""
        self._value, self._doubling, self._best_rate = 1.0, True, 0.0
        self._ceiling = float(self.most)
        self._begin_round()

    def _judge(self) -> None:
        rate = self._value * self._n_tokens / self._waited_s
        if self._waited_s / self._n_answers > SHARE_OF_TIMEOUT * self._timeout_s:
            self._ceiling = self._value = max(1.0, self._value * 0.75)
            self._doubling = False
        elif self._is_told:
            pass
        elif self._doubling and rate >= WORTH * self._best_rate:
            self._best_rate = rate
            self._value *= 2
        elif self._doubling:
            self._doubling = False  # the last doubling was of no use, but costs nothing either
            self._ceiling = self._value
        else:
            self._value += max(1.0, self._value / 10)
        self._value = min(self._value, self._ceiling)
        self._begin_round()

    def _begin_round(self) -> None:
        self._round += 1
        self._n_answers = self._n_tokens = 0
        self._waited_s = 0.0
