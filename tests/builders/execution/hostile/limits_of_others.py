# must: neither limits nor priorities of another process, nor of its own, are set
# accept: ok
# output: []
import os
import resource
from functools import partial


def main_solution(x):
    reached = []
    for process in {os.getppid(), 1, os.getpid(), 0}:
        for name, action in {
            "prlimit": partial(resource.prlimit, process, resource.RLIMIT_CPU, (1, 1)),
            "affinity": partial(os.sched_setaffinity, process, {0}),
            "scheduler": partial(os.sched_setscheduler, process, os.SCHED_IDLE, os.sched_param(0)),
            "parameter": partial(os.sched_setparam, process, os.sched_param(0)),
            "priority": partial(os.setpriority, os.PRIO_PROCESS, process, 19),
            "group": partial(os.setpriority, os.PRIO_PGRP, 0, 19),
            "user": partial(os.setpriority, os.PRIO_USER, 0, 19),
            "nice": partial(os.nice, 5),
        }.items():
            try:
                action()
                reached.append(name)
            except OSError:
                pass
    return reached
