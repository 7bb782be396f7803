# must: machine code that goes over to 32 bits finds no calls there
# accept: died
import ctypes
import mmap
import os


def main_solution(x):
    if os.uname().machine != "x86_64":
        os.abort()
    page = mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x40, prot=7)  # below 4 GiB
    start = ctypes.addressof(ctypes.c_char.from_buffer(page))
    # call further; [rsp] += 13; [rsp + 4] = 32-bit segment; far return; eax = getpid; int 0x80; hlt
    page.write(bytes.fromhex("e8000000008304240dc744240423000000cb b814000000cd80f4"))
    return ctypes.CFUNCTYPE(ctypes.c_int)(start)()
