# must: a process whose first thread ended is still watched
# accept: timeout
import ctypes
import os
import threading


def spin():
    while True:
        pass


def main_solution(x):
    threading.Thread(target=spin, daemon=True).start()
    number = 60 if os.uname().machine == "x86_64" else 93
    ctypes.PyDLL(None).pthread_self()
    ctypes.CDLL(None).syscall(number, 0)  # this thread alone
