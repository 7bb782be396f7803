# must: a comparison deeper than the C stack
# accept: exception died
import gc
import sys

gc.disable()  # it would go through the nested lists again and again


def nested():
    value = []
    for _ in range(10**6):
        value = [value]
    return value


def main_solution(x):
    sys.setrecursionlimit(10**9)
    return nested() == nested()
