"""The baselines of the sandbox benchmark: the same code, run in ways that give no protection.

Each is a program for a separate Python process, so that the size of the measuring process does not matter.
"""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from unittest import mock

from builders.execution import interpreter
from tests.builders.execution.boots import boot_with

_CPU = """
import json, os, resource, sys
def cpu_s():
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
"""
_FORKS = """
began = cpu_s()
for _ in range(n):
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
print(json.dumps((cpu_s() - began) / n))
"""
_FORK_SERVER = """
def run(code, entrypoint, texts):
    ours, theirs = os.pipe()
    child = os.fork()
    if not child:
        space = {}
        exec(compile(code, "<code>", "exec"), space)
        inputs = [json.loads(text) for text in texts]
        os.write(theirs, json.dumps([space[entrypoint](**values) for values in inputs]).encode())
        os._exit(0)
    os.close(theirs)
    reply = b""
    while chunk := os.read(ours, 65536):
        reply += chunk
    os.close(ours)
    os.waitpid(child, 0)
    return json.loads(reply)

import ast, asyncio, collections, copy, datetime, decimal, fractions, functools, heapq, itertools
import logging, math, random, re, statistics, string, typing
job = json.loads(sys.argv[2])
run(*job)
began = cpu_s()
for _ in range(n):
    run(*job)
print(json.dumps((cpu_s() - began) / n))
"""


_NO_ISOLATION = """
from builders.execution.inside import kernel
from builders.execution.inside import seccomp
from builders.execution.inside import zygote
seccomp.install = kernel.hold_capabilities = lambda *_: None
zygote._leave_root = lambda *_: ()
config["layers"] = ()
"""


@contextlib.contextmanager
def unprotected_workers() -> Iterator[None]:
    """Start workers without namespaces, Landlock and filters of system calls inside this context."""
    with mock.patch.object(interpreter, "_BOOT", boot_with(_NO_ISOLATION)):
        yield


def bare_fork(n: int) -> float:
    """Return the CPU seconds of a fork that ends at once, and of waiting for it."""
    return _cpu_s_each(_FORKS, n)


def fork_server(code: str, entrypoint: str, inputs: list[str], n: int) -> float:
    """Return the CPU seconds of a job in a fork of a process with the usual modules, without protection."""
    return _cpu_s_each(_FORK_SERVER, n, json.dumps([code, entrypoint, inputs]))


def fresh_python(code: str, entrypoint: str, text: str, with_numpy: bool) -> object:
    """Call once in a fresh Python and return the result; CodeI/O's scripts do so, and import numpy first."""
    program = f"""
import json
{"import numpy" if with_numpy else ""}
{code}
print(json.dumps({entrypoint}(**json.loads({text!r}))))
"""
    process = subprocess.run([sys.executable, "-"], input=program, capture_output=True, text=True, check=True)
    return json.loads(process.stdout)


def _cpu_s_each(program: str, n: int, *arguments: str) -> float:
    command = [sys.executable, "-c", f"{_CPU}\nn = int(sys.argv[1])\n{program}", str(n), *arguments]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
