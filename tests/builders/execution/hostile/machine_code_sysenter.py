# must: the old way into the kernel is as closed
# accept: died
import ctypes
import mmap
import os


def main_solution(x):
    if os.uname().machine != "x86_64":
        os.abort()
    page = mmap.mmap(-1, 4096, prot=7)
    page.write(bytes.fromhex("b8140000000f34c3"))
    return ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
