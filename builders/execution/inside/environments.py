"""The environments in which a call is repeated, to find out whether its outcome follows from the input alone.

In: nothing. Out: ENVIRONMENTS, of which the first is the ordinary one, and environments that differ from it
in one condition (`single_differences`). Not covered: what is the same in every environment, such as the
libraries and the machine, and chance, which a repetition shows only sometimes.
Tested in tests/builders/execution/test_proof.py.
"""

from collections.abc import Iterator
from typing import NamedTuple


class Environment(NamedTuple):
    """The variant of each condition under which a call runs; variant 0 is the ordinary one.

    `seed` and `history` are conditions of a request; the others are those of the whole process.
    """

    seed: int = 0
    history: int = 0
    hash_seed: int = 0
    clock: int = 0
    settings: int = 0
    process: int = 0

    @property
    def process_environment(self) -> "Environment":
        """The environment of the process: this one with the ordinary conditions of a request."""
        return self._replace(seed=0, history=0)


ENVIRONMENTS = (Environment(), Environment(*[1] * 6), Environment(*[2] * 6))
"""Two besides the ordinary one, because a set of two keeps its order under half of all hash seeds."""

CHANCE = "what differs between any two processes (entropy, addresses, ids, host name, real time, threads)"
"""The cause if outcomes differ although the environment is the same, or only the process is different."""
CAUSE_TEXTS = {
    "seed": "unseeded random numbers",
    "history": "earlier calls",
    "hash_seed": "the order of sets and hashes",
    "clock": "the clock",
    "settings": "environment variables, locale, time zone or folder",
    "process": CHANCE,
}
"""For each field of Environment, the cause to report if outcomes differ when only this condition does."""


def single_differences(environment: Environment) -> Iterator[tuple[str, Environment]]:
    """Yield each cause with an environment in which only this cause can change the outcome.

    CHANCE comes first, with the ordinary environment. Each of the others has one condition of `environment`,
    and is ordinary in the rest.
    """
    yield CHANCE, ENVIRONMENTS[0]
    for name, cause in CAUSE_TEXTS.items():
        yield cause, ENVIRONMENTS[0]._replace(**{name: getattr(environment, name)})
