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
class Finding:
    """The state of one part of the machine: whether it is ok, what was found, and how to fix it."""

    name: str
    ok: bool
    found: str
    advice: str = ""


def findings() -> list[Finding]:
    """Return a diagnosis of everything that a build or a publication may need."""
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


def _python() -> Finding:
    return Finding("Python", True, f"{platform.python_version()} on {platform.system()} {platform.machine()}")


def _sandbox() -> Finding:
    try:
        with Sandbox() as sandbox:
            tier = sandbox.tier
        note = "; code can import only what SECURITY.md lists" if "noopen" in TIERS[tier] else ""
        return Finding("sandbox", True, f"{tier}{note}")
    except SandboxUnavailable as error:
        return Finding("sandbox", False, "no tier works here", str(error))


def _layers() -> list[Finding]:
    """Return a diagnosis of each layer; without one the sandbox is weaker or impossible (SECURITY.md)."""
    return [
        Finding(layer, failure is None, failure or "holds", _LAYER_ADVICE[layer])
        for layer, failure in layers().items()
    ]


def _package(name: str) -> Finding:
    return Finding(name, True, version(name))


def _engine() -> Finding:
    try:
        return Finding("embedded engine", True, f"xllamacpp {version('xllamacpp')}")
    except PackageNotFoundError:
        advice = 'pip install "codeio[embedded]", or use a server with --base-url'
        return Finding("embedded engine", False, "not installed", advice)


def _sglang() -> Finding:
    try:
        flags = " ".join(device_flags()) or "only the usual ones"
        return Finding("sglang", True, f"{find_python()}; flags for this machine: {flags}")
    except EngineMissing as error:
        return Finding("sglang", False, "not found", str(error))


def _hub() -> Finding:
    if get_token():
        return Finding("Hub login", True, "a token is set")
    return Finding(
        "Hub login", False, "no token", "needed only for publishing and private sources: hf auth login"
    )


def _disk() -> Finding:
    free_gb = shutil.disk_usage(Path.cwd()).free / 1e9
    return Finding(
        "disk", free_gb > _LOW_DISK_GB, f"{free_gb:.0f} GB free here", "models and caches need several GB"
    )
