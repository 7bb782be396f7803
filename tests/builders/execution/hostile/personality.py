# must: no other personality, no segments of its own
# accept: ok
# output: []
import ctypes
import os
import struct


def main_solution(x):
    if os.uname().machine != "x86_64":
        return []
    libc = ctypes.CDLL(None, use_errno=True)
    segment = struct.pack("=IIII", 0, 0, 0xFFFFF, 0x51)
    return [
        name
        for name, result in {
            "no random addresses": libc.syscall(135, 0x0040000),
            "read implies execute": libc.syscall(135, 0x0400000),
            "a 32-bit machine": libc.syscall(135, 0x0008),
            "what it is": libc.syscall(135, 0xFFFFFFFF),
            "a segment": libc.syscall(154, 0x11, segment, 16),
            "its segments": libc.syscall(154, 0, segment, 16),
            "a thread's area": libc.syscall(205, segment),
        }.items()
        if result != -1
    ]
