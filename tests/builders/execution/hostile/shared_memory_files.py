# must: nothing can be made where shared memory and queues have their files
# accept: ok
# output: []
import ctypes
import os


def main_solution(x):
    libc = ctypes.CDLL(None)
    made = []
    if libc.shm_open(b"/left", os.O_CREAT | os.O_RDWR, 0o666) != -1:
        made.append("shm_open")
    if libc.sem_open(b"/left", os.O_CREAT, 0o666, 1):
        made.append("sem_open")
    for folder in ("/dev/shm", "/dev/mqueue", "/run", "/tmp", "/var/tmp", "/run/lock", "{CANARY}"):
        for flags in (os.O_CREAT | os.O_RDWR, os.O_TMPFILE | os.O_RDWR):
            try:
                os.open(f"{folder}/left" if flags & os.O_CREAT else folder, flags)
                made.append(folder)
            except OSError:
                pass
    return made
