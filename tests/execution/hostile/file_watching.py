# must: no watching and no marking of files
# accept: ok
# output: []
import ctypes
import errno
import os

CALLS = {
    "inotify_init1": 294,
    "fanotify_init": 300,
    "fanotify_mark": 301,
    "flock": 73,
    "setxattr": 188,
    "getxattr": 191,
    "file_getattr": 468,
    "sync": 162,
    "syncfs": 306,
    "copy_file_range": 326,
    "splice": 275,
    "tee": 276,
    "sendfile": 40,
    "fallocate": 285,
}


def main_solution(x):
    if os.uname().machine != "x86_64":
        return []
    libc = ctypes.CDLL(None, use_errno=True)
    reached = []
    for name, number in CALLS.items():
        ctypes.set_errno(0)
        if libc.syscall(number, 0, 0, 0, 0, 0, 0) != -1 or ctypes.get_errno() != errno.EPERM:
            reached.append(name)
    return reached
