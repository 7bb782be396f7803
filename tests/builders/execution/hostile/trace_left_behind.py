# must: trace functions that stay meet the harness of this job alone
# accept: ok exception refused died
import sys
import threading


def trace(frame, event, argument):
    if "outcome" in frame.f_locals or frame.f_code.co_name == "_record":
        raise SystemExit("in the harness")
    return trace


def main_solution(x):
    threading.settrace(trace)
    threading.setprofile(trace)
    frame = sys._getframe()
    while frame:
        frame.f_trace = trace
        frame = frame.f_back
    sys.settrace(trace)
    sys.setprofile(trace)
    return 1
