# must: no filter that asks its own process, which could let everything pass
# accept: ok
# output: true
import ctypes
import errno
import os
import struct

ALLOW = struct.pack("=HBBI", 6, 0, 0, 0x7FFF0000)
ASK = struct.pack("=HBBI", 6, 0, 0, 0x7FC00000)


def main_solution(x):
    libc = ctypes.CDLL(None, use_errno=True)
    number = 317 if os.uname().machine == "x86_64" else 277
    results = []
    for step in (ALLOW, ASK):
        code = ctypes.create_string_buffer(step, 8)
        program = struct.pack("=HxxxxxxQ", 1, ctypes.addressof(code))
        for flags in (0, 1, 1 << 3, 1 << 4, 1 << 5):
            results.append(
                libc.syscall(number, 1, flags, program) == -1 and ctypes.get_errno() == errno.EPERM
            )
        results.append(libc.prctl(22, 2, program, 0, 0) == -1)
    return all(results)
