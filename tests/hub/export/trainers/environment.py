"""The interpreters with the trainers that exports are made for.

In: trl.txt and codeio's own dependencies; llamafactory.txt, verl.txt. Out: a Python interpreter for each,
which can also run codeio's rewards. Trainers are pinned to different releases of `datasets` and
`transformers`, so each has its own environment, and finds other packages, mainly torch, in TRL's. The
environments are built once in the tests' cache.

Not covered: what LLaMA-Factory and verl need for training, and audio: LLaMA-Factory imports a library for it,
which is an empty module here.
"""

import platform
import sys
import tomllib
from pathlib import Path

from tests import ROOT
from tests.doubles.build import build_once, recipe_id, tests_cache
from tests.doubles.uv import new_environment

HERE = Path(__file__).parent
PACKAGES = Path("lib", f"python{sys.version_info.major}.{sys.version_info.minor}", "site-packages")


def python(trainer: str) -> Path:
    """Return the interpreter with `trl`, `llamafactory` or `verl`; the first call builds the environment.

    Raises:
        CommandFailed: If an installation fails.
    """
    return (_trl() if trainer == "trl" else _beside_trl(trainer)) / "bin" / "python"


def _trl() -> Path:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    dependencies: list[str] = project["project"]["dependencies"]
    pins = HERE / "trl.txt"

    def fill(folder: Path, log: Path) -> None:
        new_environment(folder, log, ("-r", pins, *dependencies))

    made_of = [pins.read_text(), *dependencies, platform.python_version(), sys.base_prefix]
    return build_once(tests_cache() / f"trl-{recipe_id(*made_of)}", fill)


def _beside_trl(trainer: str) -> Path:
    base, pins = _trl(), HERE / f"{trainer}.txt"

    def fill(folder: Path, log: Path) -> None:
        new_environment(folder, log, ("--no-deps", "-r", pins))
        (folder / PACKAGES / "trl.pth").write_text(f"{base / PACKAGES}\n")
        (folder / PACKAGES / "torchaudio.py").touch()

    return build_once(tests_cache() / f"{trainer}-{recipe_id(base.name, pins.read_text())}", fill)
