"""What the sandbox is measured against: the same code run in ways that protect from nothing.

Each is a program for a Python of its own, so that the size of the measuring process does not count.
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
        given = [json.loads(text) for text in texts]
        os.write(theirs, json.dumps([space[entrypoint](**values) for values in given]).encode())
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
    """Workers that start in here have no namespaces, no Landlock and no filters of system calls."""
    with mock.patch.object(interpreter, "_BOOT", boot_with(_NO_ISOLATION)):
        yield


def bare_fork(n: int) -> float:
    """CPU seconds of a fork that ends at once, and of waiting for it."""
    return _measured(_FORKS, n)


def fork_server(code: str, entrypoint: str, inputs: list[str], n: int) -> float:
    """CPU seconds of a job in a fork of a process that has the usual modules; it guards against nothing."""
    return _measured(_FORK_SERVER, n, json.dumps([code, entrypoint, inputs]))


def fresh_python(code: str, entrypoint: str, text: str, with_numpy: bool) -> object:
    """Call once in a Python started for it, as the scripts of CodeI/O do, which import numpy first."""
    program = f"""
import json
{"import numpy" if with_numpy else ""}
{code}
print(json.dumps({entrypoint}(**json.loads({text!r}))))
"""
    done = subprocess.run([sys.executable, "-"], input=program, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def _measured(program: str, n: int, *arguments: str) -> float:
    command = [sys.executable, "-c", f"{_CPU}\nn = int(sys.argv[1])\n{program}", str(n), *arguments]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
