"""Cached folders that are built once, by one process, and are used only if they are complete.

In: a folder and the function that fills it. Out: the complete folder. Not covered: removing folders whose
recipe has changed; the name includes the id of the recipe, so a new folder is built beside the old one.
"""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from builders.inference.servers.identity import cache_folder

MARKER = ".complete"


def tests_cache() -> Path:
    """Return the folder for everything that tests build once."""
    return cache_folder() / "tests"


def recipe_id(*parts: str) -> str:
    """Return 12 hex digits that change with any of `parts`."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def build_once(folder: Path, fill: Callable[[Path, Path], None]) -> Path:
    """Return `folder` after `fill(folder, log)` has completed in it, now or in an earlier run.

    A second process waits while the first one builds. An incomplete folder of a killed or failed run is
    removed and built again. The log lies beside the folder, so that it stays when the folder is removed.
    """
    marker = folder / MARKER
    if marker.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(f"{folder.name}.lock")):  # also released if this process is killed
        if not marker.exists():
            if folder.exists():
                shutil.rmtree(folder)
            folder.mkdir()
            log = folder.with_name(f"{folder.name}.log")
            log.write_bytes(b"")
            fill(folder, log)
            marker.touch()
    return folder
