# must: limits stay, also through prctl and a further filter
# accept: ok
# output: [-1,-1,-1,"refused"]
import ctypes
import resource


def main_solution(x):
    libc = ctypes.CDLL(None)
    results = [libc.prctl(1, 0, 0, 0, 0), libc.prctl(4, 1, 0, 0, 0), libc.prctl(22, 1, 0, 0, 0)]
    try:
        resource.setrlimit(resource.RLIMIT_AS, (1 << 40, 1 << 40))
    except (OSError, ValueError):
        results.append("refused")
    return results
