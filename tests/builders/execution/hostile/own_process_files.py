# must: no file about a process can be opened, not even about its own
# accept: ok
# output: []
import os


def main_solution(x):
    opened = []
    for process in ("self", "thread-self", "1", str(os.getppid()), str(os.getpid())):
        for name in ("mem", "maps", "environ", "cmdline", "fd", "ns", "task", "auxv", "oom_score_adj"):
            for flags in (os.O_RDONLY, os.O_RDWR):
                try:
                    os.open(f"/proc/{process}/{name}", flags)
                    opened.append(f"{process}/{name}")
                except OSError:
                    pass
    for path in (
        "/proc/kallsyms",
        "/proc/sys/kernel/core_pattern",
        "/sys/kernel",
        "/sys/fs/cgroup",
        "/dev/mem",
        "/dev/kvm",
    ):
        try:
            os.open(path, os.O_RDONLY)
            opened.append(path)
        except OSError:
            pass
    return opened
