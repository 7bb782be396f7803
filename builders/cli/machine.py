"""What this machine can do: sandbox, engines, Hub login, disk; and what to do where something is missing.

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
    "namespaces": "user namespaces are closed to this process. Docker: --security-opt seccomp=unconfined, or"
    " a profile that allows unshare and mount; Ubuntu 24.04: sysctl"
    " kernel.apparmor_restrict_unprivileged_userns=0; elsewhere: sysctl user.max_user_namespaces=10000",
    "landlock": "needs Linux 5.13 or newer with landlock in /sys/kernel/security/lsm (boot with"
    " lsm=landlock,...); gVisor has none",
    "seccomp": "needs a kernel with CONFIG_SECCOMP_FILTER, on x86_64 or aarch64, that lets processes filter"
    " themselves",
}


@dataclass(frozen=True)
class Finding:
    """One thing looked at: whether it is in order, what was found, and how to mend it."""

    name: str
    ok: bool
    found: str
    advice: str = ""


def findings() -> list[Finding]:
    """Look at everything a build or a publish may need."""
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
        note = "; code imports only what SECURITY.md lists" if "noopen" in TIERS[tier] else ""
        return Finding("sandbox", True, f"{tier}{note}")
    except SandboxUnavailable as error:
        return Finding("sandbox", False, "none holds here", str(error))


def _layers() -> list[Finding]:
    """A missing layer makes the sandbox weaker, or leaves none: see SECURITY.md."""
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
        flags = " ".join(device_flags()) or "none but the usual"
        return Finding("sglang", True, f"{find_python()}; flags for this machine: {flags}")
    except EngineMissing as error:
        return Finding("sglang", False, "not found", str(error))


def _hub() -> Finding:
    if get_token():
        return Finding("Hub login", True, "a token is set")
    return Finding(
        "Hub login", False, "no token", "needed for publishing and private sources only: hf auth login"
    )


def _disk() -> Finding:
    free_gb = shutil.disk_usage(Path.cwd()).free / 1e9
    return Finding(
        "disk", free_gb > _LOW_DISK_GB, f"{free_gb:.0f} GB free here", "models and caches need some GB"
    )
