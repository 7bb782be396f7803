# must: an audit hook, which cannot be taken back, ends with the process
# accept: ok exception refused died
import sys


def hook(event, arguments):
    raise SystemExit(event)


def main_solution(x):
    sys.addaudithook(hook)
    return 1
