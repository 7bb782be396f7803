# must: none of the calls that carry an address or a descriptor
# accept: ok
# output: []
import ctypes
import errno
import os

CALLS = {
    "socket": 41,
    "connect": 42,
    "accept": 43,
    "sendmsg": 46,
    "recvmsg": 47,
    "bind": 49,
    "listen": 50,
    "setsockopt": 54,
    "accept4": 288,
    "recvmmsg": 299,
    "sendmmsg": 307,
    "pidfd_getfd": 438,
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
