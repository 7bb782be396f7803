# must: neither limits nor priorities of another process, nor of its own, are set
# accept: ok
# output: []
import os
import resource


def main_solution(x):
    reached = []
    for process in {os.getppid(), 1, os.getpid(), 0}:
        for name, action in {
            "prlimit": lambda: resource.prlimit(process, resource.RLIMIT_CPU, (1, 1)),  # noqa: B023
            "affinity": lambda: os.sched_setaffinity(process, {0}),  # noqa: B023
            "scheduler": lambda: os.sched_setscheduler(process, os.SCHED_IDLE, os.sched_param(0)),  # noqa: B023
            "parameter": lambda: os.sched_setparam(process, os.sched_param(0)),  # noqa: B023
            "priority": lambda: os.setpriority(os.PRIO_PROCESS, process, 19),  # noqa: B023
            "group": lambda: os.setpriority(os.PRIO_PGRP, 0, 19),
            "user": lambda: os.setpriority(os.PRIO_USER, 0, 19),
            "nice": lambda: os.nice(5),
        }.items():
            try:
                action()
                reached.append(name)
            except OSError:
                pass
    return reached
