"""The isolation tiers, and the self-test that finds the strongest one that holds on this machine.

The self-test attacks the tier in the real worker, because what a system claims to support means little inside
containers; a tier holds if every case ends as it must. In `seccomp-noopen`, code can import only what was
loaded beforehand. If no tier holds, nothing runs: SandboxUnavailable says what to do.
Tested in tests/builders/execution/inside/test_worker.py.
"""

import functools
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from typing import NamedTuple

from builders.errors import CodeioError
from builders.execution.job import Execution, Job, Limits
from builders.execution.pool import Pool, WorkerLost
from builders.execution.replies import parse_reply
from builders.execution.requests import job_request

TIERS: dict[str, tuple[str, ...]] = {
    "namespaces+landlock+seccomp": ("namespaces", "landlock", "seccomp"),
    "namespaces+seccomp": ("namespaces", "seccomp"),
    "landlock+seccomp": ("landlock", "seccomp"),
    "seccomp-noopen": ("seccomp", "noopen"),
}
_MACHINES = ("x86_64", "aarch64")
_LIMITS = Limits(cpu_s=0.1, wall_s=60, memory_mb=128)


class SandboxUnavailable(CodeioError, RuntimeError):
    """The error of a machine that cannot run untrusted code safely; the message says why and what to do.

    Example:
        >>> from builders.execution import Sandbox
        >>> Sandbox(tier="chroot").tier
        Traceback (most recent call last):
        ...
        builders.execution.tiers.SandboxUnavailable: there is no tier 'chroot'; the tiers are namespaces+...
    """


class _Case(NamedTuple):
    """A case of the self-test: `f` in `code` gets the paths of a secret file and its folder.

    `holds` returns whether the execution ended as it must.

    `name` completes "the sandbox ..." and is shown when the case fails.
    """

    name: str
    code: str
    holds: Callable[[Execution], bool]
    limits: Limits = _LIMITS


def _fails(execution: Execution) -> bool:
    return execution.status in ("exception", "refused")


def _returns_plain_values(execution: Execution) -> bool:
    return execution.output == '{"a":[1,2.5,"x",null]}'


_WORKS = _Case("runs code", "def f(**_): return {'a': [1, 2.5, 'x', None]}", _returns_plain_values)
_DESCRIPTORS = """
import os
def is_open(number):
    try:
        os.get_inheritable(number)
    except OSError:
        return False
    return True
def f(**_):
    return [number for number in range(4096) if is_open(number)]
"""
_LAZY_IMPORT = _Case(
    "imports a module",
    "def f(**_):\n import colorsys\n return True",
    lambda execution: execution.status == "ok",
)
_CASES = (
    _WORKS,
    _Case("passes on no file descriptors", _DESCRIPTORS, lambda execution: execution.output == "[0,1,2,5]"),
    _Case("hides files", "def f(secret, **_): return open(secret).read()", _fails),
    _Case("lets no file be written", "def f(folder, **_): open(folder + '/new', 'w')", _fails),
    _Case("blocks the network", "import socket\ndef f(**_): socket.socket()", _fails),
    _Case("starts no process", "import os\ndef f(**_): os.fork()", _fails),
    _Case("executes no program", "import os\ndef f(**_): os.execv('/bin/sh', ['sh'])", _fails),
    _Case("sends no signals", "import os\ndef f(**_): os.kill(os.getppid(), 0)", _fails),
    _Case(
        "refuses system calls",
        "import ctypes\ndef f(**_):\n c = ctypes.CDLL(None)\n"
        " return [c.unshare(1 << 28), c.ptrace(16, 1, 0, 0)]",
        lambda execution: execution.output == "[-1,-1]",
    ),
    _Case(
        "stops endless loops",
        "def f(**_):\n while True: pass",
        lambda execution: execution.status == "timeout",
        Limits(cpu_s=0.01, wall_s=60, memory_mb=128),
    ),
    _Case(
        "limits memory",
        "def f(**_): return len(bytearray(1 << 28))",
        lambda execution: execution.status == "memory",
    ),
    _Case("reports an early end", "import os\ndef f(**_): os._exit(0)", lambda run: run.error_type == "died"),
    _WORKS,  # still, after all these attacks
)


def choose_tier(tier: str | None = None) -> str:
    """Return the strongest tier that holds, or `tier` if that one holds; raise SandboxUnavailable if not."""
    if tier is not None and tier not in TIERS:
        raise SandboxUnavailable(f"there is no tier {tier!r}; the tiers are {', '.join(TIERS)}")
    if sys.platform != "linux" or platform.machine() not in _MACHINES:
        raise SandboxUnavailable(
            f"untrusted code runs only on Linux ({' or '.join(_MACHINES)}), but this is {platform.system()}"
            f" on {platform.machine()}; use a Linux container or machine"
        )
    failures = []
    for name in TIERS if tier is None else (tier,):
        failure = _self_test(name)
        if failure is None:
            return name
        failures.append(f"{name}: {failure}")
    raise SandboxUnavailable(
        "untrusted code cannot be isolated here ("
        + "; ".join(failures)
        + "). Run on Linux 5.13 or newer, or start"
        " the container with --security-opt seccomp=unconfined or on a host with Landlock"
    )


def layer_failures() -> dict[str, str | None]:
    """Return for each layer of isolation why no tier with it holds on this machine; None if one holds."""
    if sys.platform != "linux":
        return dict.fromkeys(("namespaces", "landlock", "seccomp"), "this is not Linux")
    failures = {tier: _self_test(tier) for tier in TIERS}
    return {
        layer: None
        if any(layer in TIERS[tier] and failure is None for tier, failure in failures.items())
        else next(failures[tier] for tier in reversed(TIERS) if layer in TIERS[tier])  # of the weakest tier
        for layer in ("namespaces", "landlock", "seccomp")
    }


@functools.cache
def _self_test(tier: str) -> str | None:
    """Return what failed in the self-test of a tier, or None if the tier holds."""
    layers = TIERS[tier]
    cases = _CASES if "noopen" in layers else (*_CASES, _LAZY_IMPORT)
    try:
        # A job that nothing isolates may still write: the pool ends first, and what it leaves is no error.
        with (
            tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
            closing(Pool(layers, workers=1)) as pool,
        ):
            secret = os.path.join(folder, "secret")
            with open(secret, "w") as file:
                file.write("secret")
            os.chmod(folder, 0o777)
            paths = f'{{"folder":"{folder}","secret":"{secret}"}}'
            requests = [job_request(Job(case.code, "f", [paths]), case.limits, "core") for case in cases]
            for case, (_, reply) in zip(cases, pool.stream(requests), strict=True):
                if not case.holds(parse_reply(reply, 1)[0]):
                    return f"the self-test failed at '{case.name}'"
            if os.listdir(folder) != ["secret"]:
                return "the self-test left a file"
    except WorkerLost as error:
        return str(error)
    return None
