"""The environments in which a call is repeated, to see whether its outcome follows from the input alone.

In: nothing. Out: ENVIRONMENTS, of which the first is the ordinary one, and environments between two of them.
Not covered: what is the same in every environment: the libraries, the machine, and chance, which a repetition
may show.
Tested in tests/builders/execution/test_proof.py.
"""

from collections.abc import Iterator
from typing import NamedTuple


class Environment(NamedTuple):
    """Which variant of each surrounding holds, 0 being the ordinary one. The first two differ by request."""

    seed: int = 0
    history: int = 0
    hash_seed: int = 0
    clock: int = 0
    settings: int = 0
    process: int = 0

    @property
    def home(self) -> "Environment":
        """The environment without what differs by request: the one that its process lives in."""
        return self._replace(seed=0, history=0)


ENVIRONMENTS = (Environment(), Environment(*[1] * 6), Environment(*[2] * 6))
"""Two besides the ordinary one: the order of two set elements is the same under one of two hash seeds."""

CHANCE = "what differs between any two processes (entropy, addresses, ids, host name, real time, threads)"
"""What an outcome depends on if it is another in the very same environment, or in another process alone."""
SURROUNDINGS = {
    "seed": "unseeded random numbers",
    "history": "earlier calls",
    "hash_seed": "the order of sets and hashes",
    "clock": "the clock",
    "settings": "environment variables, locale, time zone or folder",
    "process": CHANCE,
}
"""What an outcome depends on if it is another where only this differs."""


def between(other: Environment) -> Iterator[tuple[str, Environment]]:
    """For each surrounding its words, and the ordinary environment with this one as in `other`."""
    yield CHANCE, ENVIRONMENTS[0]
    for name, words in SURROUNDINGS.items():
        yield words, ENVIRONMENTS[0]._replace(**{name: getattr(other, name)})
