"""The interpreters with the generations of huggingface_hub that codeio supports.

In: hub1-requirements.txt, and what codeio itself depends on. Out: for each generation a python, which runs
codeio from this source tree. One is the tests' own; the other, which cannot share an environment with it, is
built once into the tests' cache.
Not covered: pins of all that these bring; as for users of sglang, it is what pip finds to fit.
"""

import platform
import sys
import tomllib
from pathlib import Path

from tests.servers.sglang_cpu.build import build_once, recipe_id, tests_cache
from tests.servers.sglang_cpu.process import run

REQUIREMENTS = Path(__file__).with_name("hub1-requirements.txt")
PROJECT = Path(__file__).parents[2] / "pyproject.toml"


def installed_python() -> Path:
    return Path(sys.executable)


def hub1_python() -> Path:
    """Return the interpreter with huggingface_hub 1.x, after building its environment if it is not there.

    Raises:
        CommandFailed: the installation failed.
    """
    made_of = [REQUIREMENTS.read_text(), *_dependencies(), platform.python_version(), sys.base_prefix]
    return build_once(tests_cache() / f"hub1-{recipe_id(*made_of)}", _fill) / "bin" / "python"


def _dependencies() -> list[str]:
    dependencies: list[str] = tomllib.loads(PROJECT.read_text())["project"]["dependencies"]
    return dependencies


def _fill(folder: Path, log: Path) -> None:
    run([sys.executable, "-m", "venv", folder], log)
    python = folder / "bin" / "python"
    pip: list[str | Path] = [python, "-m", "pip", "install", "--progress-bar=off"]
    run([*pip, "-r", REQUIREMENTS, *_dependencies()], log)
