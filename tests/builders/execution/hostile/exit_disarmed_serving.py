# must: a job that continues as if it were the zygote reaches nobody
# accept: ok died timeout too_many_records
import contextlib
import os
import sys


def main_solution(x):
    os._exit = lambda code: None
    frame = sys._getframe()
    while frame:
        server = frame.f_locals.get("server")
        if server is not None:
            for number in (3, 4):
                with contextlib.suppress(OSError):
                    os.write(number, b"\7\0\0\0forged\n")
        frame = frame.f_back
    return 1
