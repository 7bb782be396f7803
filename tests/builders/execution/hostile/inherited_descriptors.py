# must: no descriptor but the null device thrice and the results, at no number
# accept: ok
# output: [[0,2],[1,2],[2,2],[5,1]]
import contextlib
import fcntl
import os


def main_solution(x):
    found = []
    for number in [*range(70_000), 2**20 - 1, 2**30, 2**31 - 1]:
        with contextlib.suppress(OSError):
            found.append([number, fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE])
    return found
