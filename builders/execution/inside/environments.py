"""The environments in which a call is repeated, to find out whether its outcome follows from the input alone.

In: nothing. Out: ENVIRONMENTS, the first of which is the ordinary one, and environments that differ from it
in one respect (`between`). Not covered: what is the same in every environment, such as the libraries and the
machine, and chance, which a repetition may show.
Tested in tests/builders/execution/test_proof.py.
"""

from collections.abc import Iterator
from typing import NamedTuple


class Environment(NamedTuple):
    """The variant of each surrounding; 0 is the ordinary one. The first two can differ by request."""

    seed: int = 0
    history: int = 0
    hash_seed: int = 0
    clock: int = 0
    settings: int = 0
    process: int = 0

    @property
    def home(self) -> "Environment":
        """The environment of the whole process: this one without what differs by request."""
        return self._replace(seed=0, history=0)


ENVIRONMENTS = (Environment(), Environment(*[1] * 6), Environment(*[2] * 6))
"""Two in addition to the ordinary one: under half of all hash seeds, two set elements keep their order."""

CHANCE = "what differs between any two processes (entropy, addresses, ids, host name, real time, threads)"
"""The cause if an outcome differs in the very same environment, or when only the process does."""
SURROUNDINGS = {
    "seed": "unseeded random numbers",
    "history": "earlier calls",
    "hash_seed": "the order of sets and hashes",
    "clock": "the clock",
    "settings": "environment variables, locale, time zone or folder",
    "process": CHANCE,
}
"""The cause if an outcome differs when only this surrounding does, by the name of the surrounding."""


def between(other: Environment) -> Iterator[tuple[str, Environment]]:
    """Yield each cause with an environment that shows it.

    CHANCE comes first, with the ordinary environment. Each of the rest has one surrounding of `other`.
    """
    yield CHANCE, ENVIRONMENTS[0]
    for name, cause in SURROUNDINGS.items():
        yield cause, ENVIRONMENTS[0]._replace(**{name: getattr(other, name)})
