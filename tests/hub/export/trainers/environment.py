"""The interpreters with the trainers that exports are made for.

In: trl.txt and what codeio itself depends on; llamafactory.txt, verl.txt. Out: a python for each, which can
run codeio's rewards, too. Trainers are pinned to other generations of `datasets` and `transformers`, so each
has an environment of its own; what it has not itself, torch above all, it finds in that of TRL. They are
built once into the tests' cache.

Not covered: what LLaMA-Factory and verl need to train, and sound, which the former loads a library for: that
one is empty here.
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
    """Return the interpreter with `trl`, `llamafactory` or `verl`, after building what is not there.

    Raises:
        CommandFailed: an installation failed.
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
