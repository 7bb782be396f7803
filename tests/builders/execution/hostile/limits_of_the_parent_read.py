# must: the limits of the parent are not even told
# accept: exception
import os
import resource


def main_solution(x):
    return resource.prlimit(os.getppid(), resource.RLIMIT_CPU)
