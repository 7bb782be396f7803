"""A Python interpreter that starts sglang on CPU, as a file that a user can give to codeio.

In: a folder. Out: an executable file that runs the environment's python with the variables for the shim.
"""

import shlex
from pathlib import Path

from .environment import VARIABLES, environment_python


def write_python_script(folder: Path) -> Path:
    """Write the executable file to `folder` and return its path."""
    variables = " ".join(f"{name}={shlex.quote(value)}" for name, value in VARIABLES.items())
    # With Intel's AMX, codeio would choose a kernel that the stand-in for sgl_kernel does not have.
    flags = "--attention-backend=torch_native --max-total-tokens=32768"
    script = folder / "python"
    python = shlex.quote(str(environment_python()))
    script.write_text(f'#!/bin/sh\n{variables} OMP_WAIT_POLICY=PASSIVE exec {python} "$@" {flags}\n')
    script.chmod(0o755)
    return script
