"""Runs a notebook as a CI would: by nbmake, in a process and a folder of its own, with other parameters."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from tests import ROOT

NOTEBOOKS = ROOT / "notebooks"
TIMEOUT_S = 500


@dataclass
class Ran:
    """How nbmake ended, and the notebook with its outputs."""

    code: int
    log: str
    notebook: Any

    def outputs(self, cell_id: str) -> list[Any]:
        return list(cell(self.notebook, cell_id).outputs)

    def text(self, cell_id: str) -> str:
        """All that a cell printed or shows as text."""
        told = [o.get("text") or o.get("data", {}).get("text/plain", "") for o in self.outputs(cell_id)]
        return "".join(told)

    def shown(self, kind: str, cell_id: str | None = None) -> list[str]:
        """What the cells show of a MIME type."""
        cells = [cell(self.notebook, cell_id)] if cell_id else self.notebook.cells
        outputs = [output for one in cells for output in one.get("outputs", ())]
        return [output["data"][kind] for output in outputs if kind in output.get("data", {})]


def read(name: str) -> Any:
    return nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=nbformat.NO_CONVERT)


def cell(notebook: Any, cell_id: str) -> Any:
    return next(one for one in notebook.cells if one.id == cell_id)


def ran(name: str, folder: Path, environment: Mapping[str, str] = os.environ, **parameters: Any) -> Ran:
    """Run a copy in `folder`; `parameters` follow those of the cell with that tag."""
    notebook = read(name)
    given = cell(notebook, "parameters")
    for parameter, value in parameters.items():
        assert f"\n{parameter} = " in f"\n{given.source}", f"{name} has no parameter {parameter}"
        given.source += f"\n{parameter} = {value!r}"
    file = folder / f"{name}.ipynb"
    nbformat.write(notebook, file)
    command = [sys.executable, "-m", "pytest", "--nbmake", "--overwrite", f"--nbmake-timeout={TIMEOUT_S}"]
    scripts = str(
        Path(sys.executable).parent
    )  # where `codeio` is, though nobody has activated this environment
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", file.name],
        cwd=folder,
        env={
            **environment,
            "PATH": os.pathsep.join((scripts, environment["PATH"])),
            "PYTHONPATH": str(ROOT),
        },
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S + 60,
    )
    log = done.stdout + done.stderr
    return Ran(done.returncode, log, nbformat.read(file, as_version=nbformat.NO_CONVERT))
