# must: no keys, which outlive the process
# accept: ok
# output: []
import ctypes
import errno
import os

CALLS = {"add_key": 248, "request_key": 249, "keyctl": 250}


def main_solution(x):
    if os.uname().machine != "x86_64":
        return []
    libc = ctypes.CDLL(None, use_errno=True)
    reached = []
    for name, number in CALLS.items():
        ctypes.set_errno(0)
        if libc.syscall(number, 0, 0, 0, 0, 0, 0) != -1 or ctypes.get_errno() != errno.EPERM:
            reached.append(name)
    return reached
