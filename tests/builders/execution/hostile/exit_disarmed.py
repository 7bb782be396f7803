# must: a job that does not end where it should gets no further than its own process
# accept: ok died timeout
import os


def nothing(*arguments):
    return 0


def main_solution(x):
    os._exit = os.close = os.kill = nothing
    os.wait4 = lambda *arguments: (0, 0, None)
    return 1
