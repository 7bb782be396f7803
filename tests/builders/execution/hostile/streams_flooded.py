# must: what is printed goes nowhere, as much as it may be
# accept: ok
# output: [true,true]
import os
import sys


def main_solution(x):
    for _ in range(50):
        sys.stdout.write("x" * 1_000_000)
        sys.stderr.write("y" * 1_000_000)
        os.write(1, b"z" * 1_000_000)
    return [os.read(0, 10) == b"", sys.stdin.read() == ""]
