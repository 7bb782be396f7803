# must: a signal that kills is no answer
# accept: died
import signal


def main_solution(x):
    signal.alarm(1)
    signal.pause()
    return 1
