# must: a pickle deeper than the C stack
# accept: exception died
import pickle
import sys


def main_solution(x):
    sys.setrecursionlimit(10**9)
    value = ()
    for _ in range(500_000):
        value = (value,)
    return len(pickle.dumps(value))
