# must: no namespaces and no process, by any flag of any call
# accept: ok
# output: []
import ctypes
import errno
import os
import struct

FLAGS = {
    "files": 0x400,
    "memory": 0x100,
    "parent": 0x8000,
    "vfork": 0x4000,
    "ptrace": 0x2000,
    "time": 0x80,
    "mounts": 0x20000,
    "cgroup": 0x2000000,
    "uts": 0x4000000,
    "ipc": 0x8000000,
    "user": 0x10000000,
    "processes": 0x20000000,
    "network": 0x40000000,
    "plain": 0,
}


def main_solution(x):
    if os.uname().machine != "x86_64":
        return []
    libc = ctypes.CDLL(None, use_errno=True)
    reached = []
    for name, flags in FLAGS.items():
        for thread in (0, 0x10000):
            if thread and not flags & 0x7E02E080:
                continue  # a thread would be one
            result = libc.syscall(56, flags | thread | 17, 0, 0, 0, 0)
            if result == 0:
                os._exit(0)
            if result != -1 or ctypes.get_errno() != errno.EPERM:
                reached.append(f"clone {name}")
        if libc.syscall(272, flags) != -1:
            reached.append(f"unshare {name}")
        if libc.syscall(308, 0, flags) != -1:
            reached.append(f"setns {name}")
        result = libc.syscall(435, struct.pack("=11Q", flags, *[0] * 10), 88)
        if result == 0:
            os._exit(0)
        if result != -1:
            reached.append(f"clone3 {name}")
    return reached
