"""Seeds for `random` and for numpy's global generator, even if code imports numpy only while it runs.

Otherwise the code's draws would depend on whether an earlier input of the same process had imported numpy.
Not covered: generators that the code creates without a seed.
Tested in tests/builders/execution/test_proof.py.
"""

import random
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

_NUMPY = "numpy.random"


class Seeds:
    """The seed of each input. Also a module finder, so that numpy is seeded when it is imported."""

    def __init__(self) -> None:
        self._seed = 0

    def install(self) -> None:
        """Register as the first module finder, to see every later import."""
        sys.meta_path.insert(0, self)

    def set(self, seed: int) -> None:
        """Seed the generators that are loaded now, and numpy if it is imported later."""
        self._seed = seed
        random.seed(seed)
        if _NUMPY in sys.modules:
            self._seed_numpy(sys.modules[_NUMPY])

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find numpy's generator as Python would, but seed it before the code can draw."""
        spec = PathFinder.find_spec(name, path, target) if name == _NUMPY else None
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def execute_and_seed(module: ModuleType) -> None:
            execute(module)
            self._seed_numpy(module)

        # Replace the method of this one loader: a new loader would show in the module's `__loader__`.
        spec.loader.exec_module = execute_and_seed  # type: ignore[method-assign]
        return spec

    def _seed_numpy(self, numpy_random: ModuleType) -> None:
        numpy_random.seed([abs(self._seed) >> shift & 0xFFFFFFFF for shift in range(0, 256, 32)])
