# must: no handling of page faults, no memory that nobody else sees
# accept: ok
# output: []
import ctypes
import errno
import os

CALLS = {
    "userfaultfd": 323,
    "memfd_secret": 447,
    "process_madvise": 440,
    "mlock2": 325,
    "mlockall": 151,
    "remap_file_pages": 216,
    "vmsplice": 278,
}


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
