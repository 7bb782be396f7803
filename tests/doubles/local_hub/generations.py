"""The interpreters of the Hub's clients: for publishers, and for a user who only loads data.

In: hub1-requirements.txt, and codeio's own dependencies; plain-requirements.txt. Out: one Python interpreter
for each major version of huggingface_hub that codeio supports, which runs codeio from this source tree, and
one that has nothing of codeio. The first is the one that runs the tests. The others need environments of
their own, which are built once in the tests' cache.
Not covered: pins of indirect dependencies; the installer chooses their versions, as it does for users.
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
    """Return the interpreter with huggingface_hub 1.x; the first call builds its environment.

    Raises:
        CommandFailed: If the installation fails.
    """
    dependencies: list[str] = tomllib.loads(PROJECT.read_text())["project"]["dependencies"]
    return _python("hub1", dependencies)


def plain_python() -> Path:
    """Return the interpreter with only `datasets` and what it needs; the first call builds its environment.

    Raises:
        CommandFailed: If the installation fails.
    """
    return _python("plain", [])


def _python(name: str, dependencies: list[str]) -> Path:
    requirements = HERE / f"{name}-requirements.txt"

    def fill(folder: Path, log: Path) -> None:
        new_environment(folder, log, ("-r", requirements, *dependencies))

    recipe = [requirements.read_text(), *dependencies, platform.python_version(), sys.base_prefix]
    return build_once(tests_cache() / f"{name}-{recipe_id(*recipe)}", fill) / "bin" / "python"
