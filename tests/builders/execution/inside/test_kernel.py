"""No descriptor that a host has open reaches a worker, whatever its number."""

import resource
import subprocess
import sys

import pytest

from tests import ROOT

HIGH = """
import os, resource
from builders.execution.inside import kernel
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, hard))
os.dup2(os.open("/dev/null", os.O_RDONLY), 3000)
resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
"""
NO_CLOSE_RANGE = "kernel.libc = type('', (), {'syscall': lambda *arguments: -1})\n"
CLOSE = """
try:
    kernel.close_from(5)
except OSError as error:
    print(error)
else:
    print(os.path.exists("/proc/self/fd/3000"))
"""


@pytest.mark.parametrize(
    ("program", "printed"),
    [(HIGH + CLOSE, "False"), (HIGH + NO_CLOSE_RANGE + CLOSE, "descriptor 3000 is open")],
)
def test_descriptors_above_the_limit_are_closed_or_refused(program: str, printed: str) -> None:
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 4096:
        pytest.skip("this machine does not allow so many descriptors")
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == printed, done.stderr


def test_a_host_s_descriptors_reach_no_job() -> None:
    """With so many descriptors open, the pipes to a worker get numbers above those of a short list."""
    program = """
import os, resource
from builders.execution import Job, Sandbox
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
held = [os.open("/dev/null", os.O_RDONLY) for _ in range(1100)]
code = '''
import os
def is_open(number):
    try: return os.get_inheritable(number) in (True, False)
    except OSError: return False
def f(x): return [number for number in range(5000) if is_open(number)]
'''
for preload in ("core", "stdlib", "numpy"):
    with Sandbox(preload=preload) as sandbox:
        print(sandbox.run(Job(code, "f", ["1"]))[0].output)
"""
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 4096:
        pytest.skip("this machine does not allow so many descriptors")
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "[0,1,2,5]\n" * 3, done.stderr
