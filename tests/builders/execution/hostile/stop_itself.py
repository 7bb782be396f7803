# must: a stopped process uses no CPU time: the wall limit ends it
# accept: timeout
import signal


def main_solution(x):
    signal.raise_signal(signal.SIGSTOP)
    return 1
