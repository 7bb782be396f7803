"""The load that an sglang server reports: how many requests run, and how many wait in its queue.

In: the body of its page `PATH`. Out: a `Load`, summed over its data-parallel ranks. Not covered: the limit on
concurrent requests that follows from it (`limit`).
"""

from dataclasses import dataclass

from builders.inference.answers import parsed

PATH = "v1/loads?include=core"


@dataclass(frozen=True)
class Load:
    """The load of a server at one time.

    Attributes:
        reported_at_s: The time of the report, in seconds, by the server's clock.
        n_running: Requests that the server is computing.
        n_waiting: Requests in the server's queue.
        n_cache_tokens: Prefix cache capacity in tokens.
    """

    reported_at_s: float
    n_running: int
    n_waiting: int
    n_cache_tokens: int


def read_load(body: bytes) -> Load | None:
    """Return the load in the body of the page, or None if it has none; sglang has the page since 0.5.8."""
    try:
        ranks = parsed(body)["loads"]
        return Load(
            reported_at_s=max(float(rank["timestamp"]) for rank in ranks),
            n_running=sum(int(rank["num_running_reqs"]) for rank in ranks),
            n_waiting=sum(int(rank["num_waiting_reqs"]) for rank in ranks),
            n_cache_tokens=sum(int(rank["max_total_num_tokens"]) for rank in ranks),
        )
    except (ValueError, TypeError, KeyError):
        return None
