# must: a thread pointer into nowhere ends this process alone
# accept: died
import ctypes
import os


def main_solution(x):
    if os.uname().machine != "x86_64":
        os.abort()
    libc = ctypes.CDLL(None)
    libc.syscall(158, 0x1002, ctypes.c_ulong(0x1000), 0, 0, 0)
    return 1
