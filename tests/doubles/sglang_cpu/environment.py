"""The virtual environment of the sglang server, separate from that of the tests.

In: requirements.txt and engine.txt. Out: the environment's interpreter. The shim is not part of it: it is
read from the source tree at every start, so a change to it does not rebuild the environment.

If pip's settings (PIP_FIND_LINKS, PIP_EXTRA_INDEX_URL) offer a CPU build of torch, the local version `+cpu`
is installed, 1.7 GB in all; otherwise the CUDA build with its libraries, which also works on CPU.
"""

import platform
import sys
from pathlib import Path

from tests.doubles.build import build_once, recipe_id, tests_cache
from tests.doubles.uv import new_environment

HERE = Path(__file__).parent
REQUIREMENTS = HERE / "requirements.txt"
ENGINE = HERE / "engine.txt"

# sglang runs on CPU and finds the shim, and neither it nor transformers asks the Hub about local weights.
VARIABLES = {"SGLANG_USE_CPU_ENGINE": "1", "PYTHONPATH": str(HERE / "shim"), "HF_HUB_OFFLINE": "1"}


def environment_id() -> str:
    """Return the id of the environment for the running Python, a hash of everything it is built from."""
    return recipe_id(REQUIREMENTS.read_text(), ENGINE.read_text(), platform.python_version(), sys.base_prefix)


def environment_python() -> Path:
    """Return the interpreter of the environment; build it if it is not in the cache.

    Raises:
        CommandFailed: an installation failed.
    """
    return build_once(tests_cache() / f"sglang-cpu-{environment_id()}", _fill) / "bin" / "python"


def _fill(folder: Path, log: Path) -> None:
    # requirements.txt comes first: it has torch, which the engine needs.
    new_environment(folder, log, ("-r", REQUIREMENTS), ("--no-deps", "-r", ENGINE))
