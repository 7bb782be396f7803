# must: nor does one that only waits stay for ever
# accept: timeout
import ctypes
import os
import threading


def main_solution(x):
    threading.Thread(target=threading.Event().wait).start()
    os.close(5)
    ctypes.CDLL(None).syscall(60 if os.uname().machine == "x86_64" else 93, 0)
