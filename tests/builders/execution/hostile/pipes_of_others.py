# must: no pipe of another process can be opened, be it the zygote's or the host's
# accept: ok
# output: []
import os


def main_solution(x):
    parent, opened = os.getppid(), []
    for process in [1, *range(max(2, parent - 50), parent + 1)]:
        if process == os.getpid():
            continue
        for number in range(16):
            for flags in (os.O_RDONLY | os.O_NONBLOCK, os.O_WRONLY | os.O_NONBLOCK, os.O_PATH):
                try:
                    os.close(os.open(f"/proc/{process}/fd/{number}", flags))
                    opened.append([process, number])
                except OSError:
                    pass
    return opened
