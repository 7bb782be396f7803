# must: no calls through rings, which no filter sees
# accept: ok
# output: []
import ctypes
import errno

CALLS = {"io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427}


def main_solution(x):
    libc = ctypes.CDLL(None, use_errno=True)
    reached = []
    for name, number in CALLS.items():
        ctypes.set_errno(0)
        if libc.syscall(number, 0, 0, 0, 0, 0, 0) != -1 or ctypes.get_errno() != errno.EPERM:
            reached.append(name)
    return reached
