# must: another job's code and answers are nowhere in the memory (memory_left_behind came before)
# accept: ok
# output: [true,0]
import ctypes
import gc
import os

NEEDLE = bytes.fromhex(
    "75696421606f727664732175696075217275606f657221686f216f6e216e75696473216b6e63"
)  # changed, so that it is not found here
PAGE = 4096


def pages(libc, buffer):
    """The address of each page that can be read next to what is known here, the page copied to `buffer`.

    Through a pipe: a page that is not there, or no more, ends the walk instead of the process.
    """
    read_end, write_end = os.pipe()
    known = {id(thing) for thing in gc.get_objects()}
    known |= {id(thing) for thing in (5**50, b"a" * 9, bytearray(20_000), "b" * 600)}
    known.add(libc.sbrk(0) - PAGE)
    found = set()
    for address in known:
        for step in (-PAGE, PAGE):
            page = address // PAGE * PAGE + min(step, 0)
            while page not in found and libc.write(write_end, page, PAGE) == PAGE:
                os.readv(read_end, [buffer])
                found.add(page)
                yield page
                page += step


def main_solution(x):
    libc = ctypes.CDLL(None)
    libc.sbrk.restype = libc.memmem.restype = ctypes.c_void_p
    libc.write.argtypes = ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t
    libc.memmem.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t
    buffer = (ctypes.c_char * PAGE)()
    start = ctypes.addressof(buffer)
    needle = ctypes.create_string_buffer(len(NEEDLE))
    for place, byte in enumerate(NEEDLE):
        needle[place] = byte ^ 1
    own = range(start - PAGE, start + PAGE), range(ctypes.addressof(needle), ctypes.addressof(needle) + 1)
    n_pages = n_found = 0
    for page in pages(libc, buffer):
        n_pages += 1
        hit = libc.memmem(buffer, PAGE, needle, len(NEEDLE))
        place = hit and page + hit - start
        n_found += hit is not None and not any(place in addresses for addresses in own)
    return [n_pages > 500, n_found]
