# must: no handle on the process that serves, none on its memory
# accept: ok
# output: []
import ctypes
import errno
import os

BY_PROCESS = {
    "pidfd_open": 434,
    "process_vm_readv": 310,
    "process_vm_writev": 311,
    "ptrace": 101,
    "kcmp": 312,
    "move_pages": 279,
    "migrate_pages": 256,
    "process_mrelease": 448,
    "setns": 308,
}


def main_solution(x):
    if os.uname().machine != "x86_64":
        return []
    libc = ctypes.CDLL(None, use_errno=True)
    reached = []
    buffer = ctypes.create_string_buffer(64)
    for process in (os.getppid(), 1, os.getpid()):
        for name, number in BY_PROCESS.items():
            for first, second in ((process, 0), (16, process), (0x4206, process)):
                ctypes.set_errno(0)
                if (
                    libc.syscall(number, first, second, 0, buffer, 0, 0) != -1
                    or ctypes.get_errno() != errno.EPERM
                ):
                    reached.append(name)
        head, size = ctypes.c_void_p(), ctypes.c_size_t()
        if process != os.getpid() and libc.syscall(274, process, ctypes.byref(head), ctypes.byref(size)) == 0:
            reached.append("get_robust_list")
    return reached
