# must: a datagram pair is no way to sockets outside, which listen under "\0sandbox_canary_datagram"
# accept: exception
import socket


def main_solution(x):
    pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    pair[0].sendto(b"out", "\0sandbox_canary_datagram")
    return 1
