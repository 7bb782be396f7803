"""How the Python that runs untrusted code is started: command line, environment variables, readable folders.

Tested in tests/builders/execution/test_pool.py.
"""

import json
import os
import sys
from typing import Any

from builders.execution.inside.environments import Environment

DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom")
# Indexed by the environment's `settings`. Text is UTF-8 in all of them (PYTHONUTF8), as on current systems.
_VARIABLES = (
    {"HOME": "/nonexistent", "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TZ": "UTC"},
    {"HOME": "/home/one", "PATH": "/bin", "LANG": "C", "TZ": "ONE-5:30", "USER": "one"},
    {"HOME": "/root", "PATH": "/usr/bin", "LANG": "POSIX", "TZ": "TWO+8", "USER": "two", "TERM": "dumb"},
)
# The packages are stubs, so that the zygote imports none of the host's modules and keeps no path to them.
# No garbage is collected until the zygote is ready: nearly all that the imports make is kept.
_BOOT = """
import gc
gc.disable()
import fcntl, json, os, sys, types
pipes = [fcntl.fcntl(int(number), fcntl.F_DUPFD, 5) for number in sys.argv[1:3]]
for place, pipe in enumerate(pipes, 3):
    os.dup2(pipe, place)
config = json.loads(sys.argv[3])
for name, folder in config["packages"].items():
    sys.modules[name] = package = types.ModuleType(name)
    package.__path__ = [folder]
sys.path += config["site_folders"]
import site
site.setquit(); site.sethelper()
sys.argv = sys.orig_argv = ["solution"]  # the real one shows the host's folders
from builders.execution.inside.zygote import main
main(config)
"""


def command(requests: int, replies: int, config: dict[str, Any]) -> list[str]:
    """Return the command line of a zygote whose pipes have these file descriptors."""
    package = os.path.dirname(os.path.abspath(__file__))
    config = {
        **config,
        "packages": {"builders": os.path.dirname(package), "builders.execution": package},
        "site_folders": _site_folders(),
    }
    # -S: a .pth file could run code or start threads, so `_BOOT` adds the folders instead.
    return [
        sys.executable,
        "-s",
        "-S",
        "-P",
        "-B",
        "-c",
        _BOOT,
        str(requests),
        str(replies),
        json.dumps(config),
    ]


def variables(environment: Environment) -> dict[str, str]:
    """Return a zygote's environment variables. It gets one of the host's, which locates shared libraries."""
    host_variables = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    return host_variables | {
        "PYTHONHASHSEED": str(environment.hash_seed),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUTF8": "1",
        "LD_BIND_NOW": "1",  # resolve symbols once, not in each fork
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "NUMEXPR_NUM_THREADS": "1",
        "MPLBACKEND": "Agg",
        **_VARIABLES[environment.settings],
    }


def readable_folders() -> list[str]:
    """Return the folders of Python, packages, shared libraries and time zones, and the targets of links."""
    candidates = [
        *(os.path.join(prefix, "lib") for prefix in (sys.base_prefix, sys.base_exec_prefix)),
        *(os.path.join(sys.base_prefix, "lib64"), os.path.dirname(os.__file__)),
        *_site_folders(),
        *("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/share/zoneinfo"),
    ]
    folders = dict.fromkeys(path for name in candidates for path in (name, os.path.realpath(name)))
    return [path for path in folders if os.path.exists(path)]


def _site_folders() -> list[str]:
    folders = [os.path.abspath(path) for path in sys.path if path]
    return [path for path in folders if os.path.basename(path) in ("site-packages", "dist-packages")]
