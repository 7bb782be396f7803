# must: no sockets: not of the virtual machine's host, the kernel's crypto, netlink or packets
# accept: ok
# output: []
import ctypes
import errno
import os
import socket

UNIX = 1


def main_solution(x):
    reached = []
    for family in range(64):
        for kind in (1, 2, 3, 5, 10):
            try:
                socket.socket(family, kind).close()
                reached.append(["socket", family, kind])
            except PermissionError:
                pass
    if os.uname().machine == "x86_64":
        libc = ctypes.CDLL(None, use_errno=True)
        pair = (ctypes.c_int * 2)()
        for family in range(64):
            if family != UNIX and (
                libc.syscall(53, family, 1, 0, pair) != -1 or ctypes.get_errno() != errno.EPERM
            ):
                reached.append(["socketpair", family])
    return reached
