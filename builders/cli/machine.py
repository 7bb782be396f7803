"""Diagnoses of this machine: sandbox, engines, Hub login, disk, with advice for what is missing.

Tested in tests/stories/test_build.py.
"""

import platform
import shutil
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from huggingface_hub import get_token

from builders.execution import Sandbox, SandboxUnavailable
from builders.execution.tiers import TIERS, layers
from builders.inference import EngineMissing
from builders.inference.servers.sglang import device_flags, find_python

_LOW_DISK_GB = 5
_LAYER_ADVICE = {
    "namespaces": "this process may not use user namespaces. Docker: --security-opt seccomp=unconfined, or"
    " a profile that allows unshare and mount; Ubuntu 24.04: sysctl"
    " kernel.apparmor_restrict_unprivileged_userns=0; elsewhere: sysctl user.max_user_namespaces=10000",
    "landlock": "needs Linux 5.13 or newer with landlock in /sys/kernel/security/lsm (boot with"
    " lsm=landlock,...); gVisor has none",
    "seccomp": "needs a kernel with CONFIG_SECCOMP_FILTER, on x86_64 or aarch64, that lets processes filter"
    " their own system calls",
}


@dataclass(frozen=True)
class Diagnosis:
    """The state of one part of the machine: whether it is ok, what was found, and how to fix it."""

    name: str
    ok: bool
    found: str
    advice: str = ""


def diagnoses() -> list[Diagnosis]:
    """Return a diagnosis of each thing that a build or a publication may need."""
    return [
        _python(),
        _sandbox(),
        *_layers(),
        *map(_package, ("datasets", "huggingface_hub")),
        _engine(),
        _sglang(),
        _hub(),
        _disk(),
    ]


def _python() -> Diagnosis:
    return Diagnosis(
        "Python", True, f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    )


def _sandbox() -> Diagnosis:
    try:
        with Sandbox() as sandbox:
            tier = sandbox.tier
        note = "; code can import only what SECURITY.md lists" if "noopen" in TIERS[tier] else ""
        return Diagnosis("sandbox", True, f"{tier}{note}")
    except SandboxUnavailable as error:
        return Diagnosis("sandbox", False, "no tier works here", str(error))


def _layers() -> list[Diagnosis]:
    """Return a diagnosis of each layer; without one the sandbox is weaker or impossible (SECURITY.md)."""
    return [
        Diagnosis(layer, failure is None, failure or "holds", _LAYER_ADVICE[layer])
        for layer, failure in layers().items()
    ]


def _package(name: str) -> Diagnosis:
    return Diagnosis(name, True, version(name))


def _engine() -> Diagnosis:
    try:
        return Diagnosis("embedded engine", True, f"xllamacpp {version('xllamacpp')}")
    except PackageNotFoundError:
        advice = 'pip install "codeio[embedded]", or use a server with --base-url'
        return Diagnosis("embedded engine", False, "not installed", advice)


def _sglang() -> Diagnosis:
    try:
        flags = " ".join(device_flags()) or "only the usual ones"
        return Diagnosis("sglang", True, f"{find_python()}; flags for this machine: {flags}")
    except EngineMissing as error:
        return Diagnosis("sglang", False, "not found", str(error))


def _hub() -> Diagnosis:
    if get_token():
        return Diagnosis("Hub login", True, "a token is set")
    return Diagnosis(
        "Hub login", False, "no token", "needed only for publishing and private sources: hf auth login"
    )


def _disk() -> Diagnosis:
    free_gb = shutil.disk_usage(Path.cwd()).free / 1e9
    return Diagnosis(
        "disk", free_gb > _LOW_DISK_GB, f"{free_gb:.0f} GB free here", "models and caches need several GB"
    )
