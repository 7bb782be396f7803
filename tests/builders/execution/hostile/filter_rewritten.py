# must: a filter that is in force cannot be changed through the bytes it was made of
# accept: exception
import ctypes
import gc
import os


def main_solution(x):
    gc.unfreeze()
    for thing in gc.get_objects():
        if type(thing).__name__ == "JobFilter":
            ctypes.memset(thing.code, 0, len(thing.code))
    os.kill(os.getppid(), 0)
