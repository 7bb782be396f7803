# must: nothing runs once the answer is written
# accept: ok
# output: 7
import atexit
import os
import threading
import weakref


def frame(text):
    return len(text).to_bytes(4, "little") + text.encode()


class Last:
    def __del__(self):
        forge()


def forge():
    os.write(5, frame('{"s":"ok","o":"FORGED"}'))


KEPT = Last()


def main_solution(x):
    global ring
    atexit.register(forge)
    weakref.finalize(KEPT, forge)
    threading._register_atexit(forge)
    os.register_at_fork(before=forge, after_in_child=forge, after_in_parent=forge)
    return 7
