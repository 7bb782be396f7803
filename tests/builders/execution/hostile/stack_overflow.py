# must: the process may die; nothing else does
# accept: died memory exception
import sys


def main_solution(x):
    sys.setrecursionlimit(10**9)

    def deeper(value):
        return max([value], key=deeper)

    return deeper(1)
