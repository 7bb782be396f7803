# must: a crash leaves no image of the memory
# accept: died
import os
import resource


def main_solution(x):
    if resource.getrlimit(resource.RLIMIT_CORE) != (0, 0):
        return "a core may be written"
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (1 << 30, 1 << 30))
        return "a core may be written now"
    except (OSError, ValueError):
        os.abort()
