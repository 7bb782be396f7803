"""A run of a notebook as in a CI: by nbmake, in its own process and folder, with different parameters."""

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
class NotebookRun:
    """The exit code and log of nbmake, and the notebook with its outputs."""

    code: int
    log: str
    notebook: Any

    def outputs(self, cell_id: str) -> list[Any]:
        return list(cell(self.notebook, cell_id).outputs)

    def text(self, cell_id: str) -> str:
        """Return all that a cell printed or shows as text."""
        texts = [o.get("text") or o.get("data", {}).get("text/plain", "") for o in self.outputs(cell_id)]
        return "".join(texts)

    def shown(self, kind: str, cell_id: str | None = None) -> list[str]:
        """Return the outputs of a MIME type, of one cell or all."""
        cells = [cell(self.notebook, cell_id)] if cell_id else self.notebook.cells
        outputs = [output for each in cells for output in each.get("outputs", ())]
        return [output["data"][kind] for output in outputs if kind in output.get("data", {})]


def read(name: str) -> Any:
    return nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=nbformat.NO_CONVERT)


def cell(notebook: Any, cell_id: str) -> Any:
    return next(each for each in notebook.cells if each.id == cell_id)


def run_notebook(
    name: str, folder: Path, environment: Mapping[str, str] = os.environ, **parameters: Any
) -> NotebookRun:
    """Run a copy of a notebook in `folder`, with `parameters` added to the cell that is tagged so."""
    notebook = read(name)
    parameter_cell = cell(notebook, "parameters")
    for parameter, value in parameters.items():
        assert f"\n{parameter} = " in f"\n{parameter_cell.source}", f"{name} has no parameter {parameter}"
        parameter_cell.source += f"\n{parameter} = {value!r}"
    file = folder / f"{name}.ipynb"
    nbformat.write(notebook, file)
    nbmake = ["-p", "nbmake.pytest_plugin", "--nbmake", "--overwrite", f"--nbmake-timeout={TIMEOUT_S}"]
    scripts = str(Path(sys.executable).parent)  # has `codeio`, though the environment is not activated
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *nbmake, "-p", "no:cacheprovider", file.name],
        cwd=folder,
        env={
            **environment,
            "PATH": os.pathsep.join((scripts, environment["PATH"])),
            "PYTHONPATH": str(ROOT),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # nbmake needs none of the others
        },
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S + 60,
    )
    log = done.stdout + done.stderr
    return NotebookRun(done.returncode, log, nbformat.read(file, as_version=nbformat.NO_CONVERT))
