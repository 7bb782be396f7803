# must: a timer that fires in the harness ends this job alone
# accept: ok exception refused died
import signal


def stop(number, frame):
    raise SystemExit("in the harness")


def main_solution(x):
    signal.signal(signal.SIGALRM, stop)
    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
    signal.setitimer(signal.ITIMER_PROF, 0.0002, 0.0002)
    return [str(number) for number in range(50_000)]
