"""The concurrency limit of one server: as many requests in flight as make it faster, and no more.

In: answers with their tokens and times, and signs of overload. Out: a limit. It starts at `FIRST_LIMIT` and
doubles while that raises the token rate; a server that only queues what it is sent shows the same rate and
longer times. Overload (429, 503, 529, timeouts) halves the limit; then it grows by a tenth at a time.

A server that reports its load is sent as many requests as it can run, plus a few that wait there. More would
make nothing faster, and their prefixes, computed in advance, would be the first that a small cache evicts.

The rate at a limit follows from Little's law: requests in flight times tokens, divided by the summed waiting
time in seconds. Only requests count that were sent while this limit held and the server was nearly full, so
neither the ramp-up of the first seconds nor the last requests of a batch matter.
Not covered: pauses that a server asks for, and whether it answers at all (`endpoint`).
"""

from dataclasses import dataclass

from builders.inference.servers.load import Load

FIRST_LIMIT = 32
# The prefix cache that a request needs beside its shared prefix, as the first limit assumes.
TOKENS_PER_REQUEST = 512
MIN_SPARE, SPARE_SHARE = 8, 0.25  # requests that may wait in a server: at least, and per running one
N_TO_JUDGE = 8  # the least number of answers by which a limit is judged
MIN_GAIN = 1.15  # doubling goes on while it multiplies the token rate by at least this
SHARE_OF_TIMEOUT = 0.25  # the most of the timeout that a request may take on average


@dataclass(frozen=True)
class Sent:
    """The time at which a request was sent, and the round that it is counted in, if any."""

    at_s: float
    round: int | None


class Limit:
    """The limit of one server, between 1 and `most`; `value` is the present one.

    `n_cache_tokens` is the size of the server's prefix cache if it reports its load, else 0.
    """

    def __init__(self, most: int, timeout_s: float, n_cache_tokens: int = 0) -> None:
        self.most = most
        self._timeout_s = timeout_s
        self._reports_load = n_cache_tokens > 0
        first = max(MIN_SPARE, n_cache_tokens // TOKENS_PER_REQUEST) if self._reports_load else FIRST_LIMIT
        self._value = float(min(first, most))
        self._doubling = True
        self._best_rate = 0.0
        self._ceiling = float(most)
        self._round = 0
        self._begin_round()

    @property
    def value(self) -> int:
        """How many requests may be in flight."""
        return max(1, int(self._value))

    def sent(self, now_s: float, n_in_flight: int) -> Sent:
        """Record the `n_in_flight`th request, for `answered`; it counts only if the server is nearly full."""
        return Sent(now_s, self._round if n_in_flight >= 0.8 * self.value else None)

    def answered(self, sent: Sent, now_s: float, n_tokens: int) -> None:
        """Record an answer of `n_tokens`, and judge the limit once there are enough."""
        if sent.round != self._round:
            return
        self._n_answers += 1
        self._n_tokens += max(1, n_tokens)
        self._waited_s += max(1e-6, now_s - sent.at_s)
        if self._n_answers >= max(N_TO_JUDGE, self._value / 2):
            self._judge()

    def adjust_to_load(self, load: Load, n_in_flight: int) -> None:
        """Set the limit by the load that the server reports while `n_in_flight` requests are in flight."""
        spare = max(MIN_SPARE, int(SPARE_SHARE * load.n_running))
        if load.n_waiting > spare:
            self._value = max(1.0, n_in_flight + spare - load.n_waiting)
        else:
            self._value = min(max(self._value, load.n_running + spare), self._ceiling)

    def back_off(self) -> None:
        """Halve the limit: what was in flight was too much for the server or the network."""
        self._value = max(1.0, self._value / 2)
        self._doubling = False
        self._begin_round()

    def reset(self) -> None:
        """Start again at 1, for a server that was gone."""
        self._value, self._doubling, self._best_rate = 1.0, True, 0.0
        self._ceiling = float(self.most)
        self._begin_round()

    def _judge(self) -> None:
        """Raise or lower the limit by the answers of this round, and begin the next one."""
        rate = self._value * self._n_tokens / self._waited_s
        if self._waited_s / self._n_answers > SHARE_OF_TIMEOUT * self._timeout_s:
            self._ceiling = self._value = max(1.0, self._value * 0.75)
            self._doubling = False
        elif self._reports_load:
            pass
        elif self._doubling and rate >= MIN_GAIN * self._best_rate:
            self._best_rate = rate
            self._value *= 2
        elif self._doubling:
            self._doubling = False  # the last doubling did not help, but did no harm: it stays
            self._ceiling = self._value
        else:
            self._value += max(1.0, self._value / 10)
        self._value = min(self._value, self._ceiling)
        self._begin_round()

    def _begin_round(self) -> None:
        self._round += 1
        self._n_answers = self._n_tokens = 0
        self._waited_s = 0.0
