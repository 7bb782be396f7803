"""What an sglang server tells of its load: what it runs, and what it was sent but cannot run yet.

In: the body of its page `PATH`. Out: a `Load`, summed over its data-parallel ranks. Not covered: what follows
from it (`limit`).
"""

from dataclasses import dataclass

from builders.inference.answers import parsed

PATH = "v1/loads?include=core"


@dataclass(frozen=True)
class Load:
    """Requests, and how many tokens the prefix cache holds at most; `told_at_s` is the server's clock."""

    told_at_s: float
    n_running: int
    n_waiting: int
    n_cache_tokens: int


def read_load(body: bytes) -> Load | None:
    """None where the page is something else; only servers from 0.5.8 on have it."""
    try:
        ranks = parsed(body)["loads"]
        return Load(
            told_at_s=max(float(rank["timestamp"]) for rank in ranks),
            n_running=sum(int(rank["num_running_reqs"]) for rank in ranks),
            n_waiting=sum(int(rank["num_waiting_reqs"]) for rank in ranks),
            n_cache_tokens=sum(int(rank["max_total_num_tokens"]) for rank in ranks),
        )
    except (ValueError, TypeError, KeyError):
        return None
