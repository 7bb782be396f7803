# must: no descriptors through sockets, no filters on them
# accept: exception
import socket


def main_solution(x):
    pair = socket.socketpair()
    failed = 0
    for action in (
        lambda: socket.send_fds(pair[0], [b"x"], [1]),
        lambda: pair[0].setsockopt(socket.SOL_SOCKET, 26, b"\0" * 16),
        lambda: pair[0].recvmsg(10),
    ):
        try:
            action()
        except PermissionError:
            failed += 1
    raise ValueError if failed == 3 else SystemError("open")
