"""Which isolation holds on this machine, found by attacking it in the real worker.

A tier is chosen when each case of the self-test ends as it must: what the system claims to support says
little inside containers. In `seccomp-noopen`, code imports only what was loaded beforehand. Without a tier
nothing is run: SandboxUnavailable tells what to do.
Tested in tests/builders/execution/inside/test_worker.py.
"""

import functools
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from typing import NamedTuple

from builders.errors import CodeioError
from builders.execution.job import Execution, Job, Limits
from builders.execution.pool import Pool, WorkerLost
from builders.execution.replies import executions
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
    """Untrusted code cannot be run safely here; says why and what to do."""


class _Case(NamedTuple):
    """Code of a function `f`, called with paths of a secret file and of a folder, and what must come out."""

    name: str
    code: str
    holds: Callable[[Execution], bool]


def _fails(execution: Execution) -> bool:
    return execution.status in ("exception", "refused")


def _answers(execution: Execution) -> bool:
    return execution.output == '{"a":[1,2.5,"x",null]}'


_WORKS = _Case("runs code", "def f(**_): return {'a': [1, 2.5, 'x', None]}", _answers)
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
    _Case("hands on no descriptors", _DESCRIPTORS, lambda execution: execution.output == "[0,1,2,5]"),
    _Case("hides files", "def f(secret, **_): return open(secret).read()", _fails),
    _Case("keeps files", "def f(folder, **_): open(folder + '/new', 'w')", _fails),
    _Case("closes the network", "import socket\ndef f(**_): socket.socket()", _fails),
    _Case("starts no process", "import os\ndef f(**_): os.fork()", _fails),
    _Case("executes nothing", "import os\ndef f(**_): os.execv('/bin/sh', ['sh'])", _fails),
    _Case("signals nobody", "import os\ndef f(**_): os.kill(os.getppid(), 0)", _fails),
    _Case(
        "refuses system calls",
        "import ctypes\ndef f(**_):\n c = ctypes.CDLL(None)\n"
        " return [c.unshare(1 << 28), c.ptrace(16, 1, 0, 0)]",
        lambda execution: execution.output == "[-1,-1]",
    ),
    _Case(
        "ends endless code", "def f(**_):\n while True: pass", lambda execution: execution.status == "timeout"
    ),
    _Case(
        "bounds memory",
        "def f(**_): return len(bytearray(1 << 28))",
        lambda execution: execution.status == "memory",
    ),
    _Case("wants an answer", "import os\ndef f(**_): os._exit(0)", lambda run: run.error_type == "died"),
    _WORKS,  # after all that
)


def choose(tier: str | None = None) -> str:
    """Return the strongest tier that holds, or `tier` if that one does; raises SandboxUnavailable."""
    if tier is not None and tier not in TIERS:
        raise SandboxUnavailable(f"there is no tier {tier!r}; the tiers are {', '.join(TIERS)}")
    if sys.platform != "linux" or platform.machine() not in _MACHINES:
        raise SandboxUnavailable(
            f"untrusted code is run on Linux ({' or '.join(_MACHINES)}) only, this is {platform.system()} on"
            f" {platform.machine()}; use a Linux container or machine"
        )
    broken = []
    for name in TIERS if tier is None else (tier,):
        failure = _self_test(name)
        if failure is None:
            return name
        broken.append(f"{name}: {failure}")
    raise SandboxUnavailable(
        "untrusted code cannot be isolated here ("
        + "; ".join(broken)
        + "). Run on Linux 5.13 or newer, or start"
        " the container with --security-opt seccomp=unconfined or on a host with Landlock"
    )


def layers() -> dict[str, str | None]:
    """What keeps each layer of isolation from holding here, None where it holds in some tier."""
    if sys.platform != "linux":
        return dict.fromkeys(("namespaces", "landlock", "seccomp"), "this is no Linux")
    failures = {tier: _self_test(tier) for tier in TIERS}
    return {
        layer: None
        if any(layer in TIERS[tier] and failure is None for tier, failure in failures.items())
        else next(failures[tier] for tier in reversed(TIERS) if layer in TIERS[tier])  # alone, if it can be
        for layer in ("namespaces", "landlock", "seccomp")
    }


@functools.cache
def _self_test(tier: str) -> str | None:
    """Return what does not hold, or None."""
    layers = TIERS[tier]
    cases = _CASES if "noopen" in layers else (*_CASES, _LAZY_IMPORT)
    pool = Pool(layers, workers=1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            secret = os.path.join(folder, "secret")
            with open(secret, "w") as file:
                file.write("secret")
            os.chmod(folder, 0o777)
            given = f'{{"folder":"{folder}","secret":"{secret}"}}'
            requests = [job_request(Job(case.code, "f", [given]), _LIMITS, "core") for case in cases]
            for case, (_, reply) in zip(cases, pool.stream(requests), strict=True):
                if not case.holds(executions(reply, 1)[0]):
                    return f"the self-test failed at '{case.name}'"
            if os.listdir(folder) != ["secret"]:
                return "the self-test left a file"
    except WorkerLost as error:
        return str(error)
    finally:
        pool.close()
    return None
