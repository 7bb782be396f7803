# must: not even the limits of the parent can be read
# accept: exception
import os
import resource


def main_solution(x):
    return resource.prlimit(os.getppid(), resource.RLIMIT_CPU)
