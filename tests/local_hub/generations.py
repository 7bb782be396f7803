"""The interpreters with the generations of huggingface_hub that codeio supports.

In: hub1-requirements.txt. Out: for each generation a python. One is the tests' own; the other, which cannot
share a process or an environment with it, is built once into the tests' cache.
"""

import platform
import sys
from pathlib import Path

from tests.servers.sglang_cpu.build import build_once, recipe_id, tests_cache
from tests.servers.sglang_cpu.process import run

REQUIREMENTS = Path(__file__).with_name("hub1-requirements.txt")


def installed_python() -> Path:
    return Path(sys.executable)


def hub1_python() -> Path:
    """Return the interpreter with huggingface_hub 1.x, after building its environment if it is not there.

    Raises:
        CommandFailed: the installation failed.
    """
    made_of = recipe_id(REQUIREMENTS.read_text(), platform.python_version(), sys.base_prefix)
    return build_once(tests_cache() / f"hub1-{made_of}", _fill) / "bin" / "python"


def _fill(folder: Path, log: Path) -> None:
    run([sys.executable, "-m", "venv", folder], log)
    python = folder / "bin" / "python"
    run([python, "-m", "pip", "install", "--progress-bar=off", "-r", REQUIREMENTS], log)
