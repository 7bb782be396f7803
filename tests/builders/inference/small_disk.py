"""Programs on a disk that is soon full, if this machine can mount one."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ROOT


def on_a_small_disk(program: str, folder: Path, size: str) -> None:
    """Run a program with a disk of this size at `folder`, its only argument; it must print "all held"."""
    unshare = shutil.which("unshare")
    mount = f"mount -t tmpfs -o size={size} tmpfs {folder}"
    small_disk = [str(unshare), "--user", "--map-root-user", "--mount", "sh", "-c"]
    if unshare is None or subprocess.run([*small_disk, mount], capture_output=True).returncode != 0:
        pytest.skip("a small disk cannot be mounted here (no user namespaces)")
    done = subprocess.run(
        [*small_disk, f'{mount} && exec "$@"', "sh", sys.executable, "-c", program, str(folder)],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.stdout.strip() == "all held", done.stderr
