# must: none of the calls of the third ABI, under its own numbers or the common ones
# accept: ok died
# output: []
import ctypes
import errno
import os


def main_solution(x):
    if os.uname().machine != "x86_64":
        return []
    libc = ctypes.CDLL(None, use_errno=True)
    reached = []
    for number in [0, 1, 2, 9, 39, 41, 57, 59, 257, *range(512, 548)]:
        for bits in (0x40000000, 0x80000000, 0xC0000000):
            ctypes.set_errno(0)
            call = ctypes.c_long(number | bits)
            if libc.syscall(call, 0, 0, 0, 0, 0, 0) != -1 or ctypes.get_errno() not in (
                errno.EPERM,
                errno.ENOSYS,
            ):
                reached.append(hex(number | bits))
    return reached
