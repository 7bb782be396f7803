# must: no abstract names: neither listened under nor called
# accept: ok
# output: []
import socket


def main_solution(x):
    pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    stream = socket.socketpair()
    reached = []
    for name, action in {
        "bind": lambda: pair[0].bind("\0left"),
        "autobind": lambda: pair[0].bind(""),
        "connect": lambda: pair[0].connect("\0sandbox_canary_datagram"),
        "connect stream": lambda: stream[0].connect("\0sandbox_canary"),
        "sendto": lambda: pair[0].sendto(b"x", "\0sandbox_canary_datagram"),
        "sendmsg": lambda: pair[0].sendmsg([b"x"], [], 0, "\0sandbox_canary_datagram"),
        "listen": lambda: stream[0].listen(),
        "accept": lambda: stream[0].accept(),
    }.items():
        try:
            action()
            reached.append(name)
        except OSError:
            pass
    return reached
