# must: the frames above hold this job's request, and no pipes to the host
# accept: ok
# output: []
import os
import sys


def main_solution(x):
    frame, reached = sys._getframe(1), []
    while frame:
        for name, value in list(frame.f_locals.items()):
            if type(value) is int and 2 < value < 64 and value != 5:
                try:
                    os.get_inheritable(value)
                    reached.append(name)
                except OSError:
                    pass
        frame = frame.f_back
    return reached
