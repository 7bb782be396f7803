# must: no timers, queues or signal descriptors of the kernel
# accept: ok
# output: []
import ctypes
import errno
import os

CALLS = {
    "timer_create": 222,
    "timerfd_create": 283,
    "signalfd4": 289,
    "rt_sigqueueinfo": 129,
    "rt_tgsigqueueinfo": 297,
    "tkill": 200,
    "pidfd_send_signal": 424,
    "ptrace": 101,
    "waitid": 247,
    "setsid": 112,
    "setpgid": 109,
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
