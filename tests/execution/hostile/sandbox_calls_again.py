# must: no further filters or domains, none with a listener
# accept: ok
# output: []
import ctypes
import errno
import os

CALLS = {
    "seccomp": 317,
    "landlock_create_ruleset": 444,
    "landlock_add_rule": 445,
    "landlock_restrict_self": 446,
    "lsm_set_self_attr": 460,
    "lsm_get_self_attr": 459,
    "capset": 126,
    "capget": 125,
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
