# must: the peer of a socket pair is this process, and gives no handle on another
# accept: ok
# output: []
import os
import socket
import struct

SO_PEERPIDFD = 77


def main_solution(x):
    pair = socket.socketpair()
    told = struct.unpack("3i", pair[0].getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    reached = [] if told == (os.getpid(), os.getuid(), os.getgid()) else ["someone else"]
    try:
        handle = struct.unpack("i", pair[0].getsockopt(socket.SOL_SOCKET, SO_PEERPIDFD, 4))[0]
    except OSError:
        return reached
    for name, action in {
        "signal": lambda: __import__("signal").pidfd_send_signal(handle, 0),
        "wait": lambda: os.waitid(os.P_PIDFD, handle, os.WEXITED),
        "read": lambda: os.read(handle, 1),
    }.items():
        try:
            action()
            reached.append(name)
        except OSError:
            pass
    return reached
