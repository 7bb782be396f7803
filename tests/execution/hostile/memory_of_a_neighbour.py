# must: another job's code and answers are nowhere in the memory (memory_left_behind came before)
# accept: ok
# output: [true,0]
import ctypes
import gc
import os

NEEDLE = bytes.fromhex(
    "75696421606f727664732175696075217275606f657221686f216f6e216e75696473216b6e63"
)  # changed, so that it is not found here


def pages(libc):
    """The numbers of all pages that can be read next to what this process knows of."""
    read_end, write_end = os.pipe()
    known = {id(thing) for thing in gc.get_objects()}
    known |= {id(thing) for thing in (5**50, b"a" * 9, bytearray(20_000), "b" * 600)}
    known.add(libc.sbrk(0) - 4096)
    found = set()
    for address in known:
        for step in (-1, 1):
            page = address // 4096 + min(step, 0)
            while page not in found and libc.write(write_end, page * 4096, 1) == 1:
                os.read(read_end, 1)
                found.add(page)
                page += step
    return sorted(found)


def main_solution(x):
    libc = ctypes.CDLL(None)
    libc.sbrk.restype = libc.memmem.restype = ctypes.c_void_p
    libc.write.argtypes = ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t
    libc.memmem.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t
    readable = pages(libc)
    needle = ctypes.create_string_buffer(len(NEEDLE))
    for place, byte in enumerate(NEEDLE):
        needle[place] = byte ^ 1
    hits = [libc.memmem(page * 4096, 4096, needle, len(NEEDLE)) for page in readable]
    n_found = sum(hit is not None and hit != ctypes.addressof(needle) for hit in hits)
    return [len(readable) > 500, n_found]
