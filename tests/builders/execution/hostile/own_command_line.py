# output: [["solution"],["solution"]]
# accept: ok
# The command line that started the worker names folders of the host.
import sys


def main_solution(x):
    return [sys.argv, sys.orig_argv]
