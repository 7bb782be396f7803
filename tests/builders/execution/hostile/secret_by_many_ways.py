# must: no way of reading a file reads one outside
# accept: ok
# output: []
import contextlib
import ctypes
import importlib.machinery
import io
import linecache
import mmap
import os
import pathlib

SECRET = "{CANARY}/secret"


def by_path_descriptor():
    place = os.open(SECRET, os.O_PATH)
    with open(f"/proc/self/fd/{place}") as file:
        return file.read()


def by_libc():
    libc = ctypes.CDLL(None)
    libc.fopen.restype = ctypes.c_void_p
    libc.fgetc.argtypes = [ctypes.c_void_p]
    file = libc.fopen(SECRET.encode(), b"r")
    return file and chr(libc.fgetc(file))


def by_openat2():
    descriptor = ctypes.CDLL(None).syscall(437, -100, SECRET.encode(), bytes(24), 24)
    return os.read(descriptor, 100)


def by_mapping():
    return mmap.mmap(os.open(SECRET, os.O_RDONLY), 0, prot=mmap.PROT_READ)[:]


def by_library():
    try:
        ctypes.CDLL(SECRET)
    except OSError as error:
        if "invalid ELF" in str(error) or "too short" in str(error):
            return "it could be opened"
    return ""


def main_solution(x):
    told = []
    for way in (
        lambda: io.FileIO(SECRET).read(),
        lambda: pathlib.Path(SECRET).read_bytes(),
        lambda: pathlib.Path("/proc/self/root" + SECRET).read_bytes(),
        lambda: pathlib.Path("/proc/1/root" + SECRET).read_bytes(),
        lambda: pathlib.Path("/proc/thread-self/cwd" + SECRET).read_bytes(),
        lambda: importlib.machinery.SourceFileLoader("a", SECRET).get_data(SECRET),
        lambda: "".join(linecache.getlines(SECRET)),
        lambda: os.listdir("{CANARY}"),
        lambda: [entry.name for entry in os.scandir("{CANARY}")],
        by_path_descriptor,
        by_libc,
        by_openat2,
        by_mapping,
        by_library,
    ):
        with contextlib.suppress(OSError, ImportError):
            told.append(way())
    return [repr(text) for text in told if text]
