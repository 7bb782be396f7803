"""The interpreters of the Hub's clients: those that publish, and one of somebody who only loads.

In: hub1-requirements.txt, and what codeio itself depends on; plain-requirements.txt. Out: for each generation
of huggingface_hub that codeio supports a python, which runs codeio from this source tree, and one that has
nothing of codeio's. The first is the tests' own; the others, which cannot share an environment with it, are
built once into the tests' cache.
Not covered: pins of all that these bring; as for users of sglang, it is what is found to fit.
"""

import platform
import sys
import tomllib
from pathlib import Path

from tests import ROOT
from tests.doubles.build import build_once, recipe_id, tests_cache
from tests.doubles.uv import new_environment

HERE = Path(__file__).parent
PROJECT = ROOT / "pyproject.toml"


def installed_python() -> Path:
    return Path(sys.executable)


def hub1_python() -> Path:
    """Return the interpreter with huggingface_hub 1.x, after building its environment if it is not there.

    Raises:
        CommandFailed: the installation failed.
    """
    dependencies: list[str] = tomllib.loads(PROJECT.read_text())["project"]["dependencies"]
    return _python("hub1", dependencies)


def plain_python() -> Path:
    """Return the interpreter with nothing but `datasets` and what that brings, built likewise.

    Raises:
        CommandFailed: the installation failed.
    """
    return _python("plain", [])


def _python(name: str, dependencies: list[str]) -> Path:
    requirements = HERE / f"{name}-requirements.txt"

    def fill(folder: Path, log: Path) -> None:
        new_environment(folder, log, ("-r", requirements, *dependencies))

    made_of = [requirements.read_text(), *dependencies, platform.python_version(), sys.base_prefix]
    return build_once(tests_cache() / f"{name}-{recipe_id(*made_of)}", fill) / "bin" / "python"
