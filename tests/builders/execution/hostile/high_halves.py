# must: arguments that differ in their high halves alone are not taken for harmless ones
# accept: ok
# output: []
import ctypes
import os

HIGH = 1 << 32


def main_solution(x):
    if os.uname().machine != "x86_64":
        return []
    libc = ctypes.CDLL(None, use_errno=True)
    limit = (ctypes.c_uint64 * 2)(1 << 40, 1 << 40)
    name = ctypes.create_string_buffer(b"\1\0\0sandbox_canary_datagram")
    pair = (ctypes.c_int * 2)()
    libc.syscall(53, 1, 2, 0, pair)
    wide = ctypes.c_ulong
    return [
        what
        for what, result in {
            "prlimit": libc.syscall(302, wide(HIGH | os.getppid()), 0, 0, limit),
            "setting a limit": libc.syscall(302, wide(HIGH), 9, limit, 0),
            "another's signal": libc.syscall(234, wide(HIGH | os.getppid()), os.getppid(), 0),
            "owner": libc.syscall(72, pair[0], wide(HIGH | 8), os.getppid()),
            "a process": libc.syscall(56, wide(HIGH | 17), 0, 0, 0, 0),
            "terminal input": libc.syscall(16, 0, wide(HIGH | 0x5412), b"x"),
            "an address": libc.syscall(44, pair[0], b"x", 1, 0, name, len(name) - 1),
        }.items()
        if result != -1
    ]
