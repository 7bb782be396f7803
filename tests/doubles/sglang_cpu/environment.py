"""The virtual environment that the sglang server runs in, apart from the one of the tests.

In: requirements.txt and engine.txt. Out: the environment's interpreter. The shim is no part of it: it is read
from the source tree at every start, so a change to it builds nothing anew.

Where a CPU build of torch is found (pip's settings decide: PIP_FIND_LINKS, PIP_EXTRA_INDEX_URL), the local
version `+cpu` wins, 1.7 GB in all; else the CUDA build and its libraries are installed, and serve on CPU too.
"""

import platform
import sys
from pathlib import Path

from tests.doubles.build import build_once, recipe_id, tests_cache
from tests.doubles.uv import new_environment

HERE = Path(__file__).parent
REQUIREMENTS = HERE / "requirements.txt"
ENGINE = HERE / "engine.txt"

# sglang takes its CPU path, finds the shim, and neither it nor transformers asks the Hub about local weights.
VARIABLES = {"SGLANG_USE_CPU_ENGINE": "1", "PYTHONPATH": str(HERE / "shim"), "HF_HUB_OFFLINE": "1"}


def environment_id() -> str:
    """Return the id of the environment for the running Python: a hash of what decides its content."""
    return recipe_id(REQUIREMENTS.read_text(), ENGINE.read_text(), platform.python_version(), sys.base_prefix)


def environment_python() -> Path:
    """Return the interpreter of the environment, after building it if it is not in the cache.

    Raises:
        CommandFailed: an installation failed.
    """
    return build_once(tests_cache() / f"sglang-cpu-{environment_id()}", _fill) / "bin" / "python"


def _fill(folder: Path, log: Path) -> None:
    # torch is in the first: what the engine needs of it is settled by then.
    new_environment(folder, log, ("-r", REQUIREMENTS), ("--no-deps", "-r", ENGINE))
