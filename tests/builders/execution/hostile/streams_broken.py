# must: streams that are closed or replaced are this job's own
# accept: ok died
import os
import sys


class Stream:
    def write(self, text):
        os._exit(0)

    flush = close = fileno = write


def main_solution(x):
    os.close(0)
    os.close(1)
    os.close(2)
    sys.stdin = sys.stdout = sys.stderr = sys.__stdout__ = Stream()
    sys.excepthook = sys.unraisablehook = sys.displayhook = None
    return 1
