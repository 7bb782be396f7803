# must: a handler that never returns is ended by the limit
# accept: timeout
import signal


def stay(number, frame):
    while True:
        pass


def main_solution(x):
    for number in (signal.SIGALRM, signal.SIGXCPU, signal.SIGTERM, signal.SIGPROF):
        signal.signal(number, stay)
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 64))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGALRM])
    signal.setitimer(signal.ITIMER_REAL, 0.0005)
    return [str(number) for number in range(100_000)] and stay(0, None)
