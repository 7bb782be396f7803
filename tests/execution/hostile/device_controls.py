# must: no control of a device: no typing into a terminal, no owner of its signals
# accept: ok
# output: []
import fcntl
import os

CONTROLS = {
    "TIOCSTI": 0x5412,
    "TIOCSCTTY": 0x540E,
    "TIOCSPGRP": 0x5410,
    "TIOCLINUX": 0x541C,
    "TIOCCONS": 0x541D,
    "FIOSETOWN": 0x8901,
    "SIOCSPGRP": 0x8902,
    "FIOASYNC": 0x5452,
    "SIOCGIFCONF": 0x8912,
    "FICLONE": 0x40049409,
    "PIDFD_GET_INFO": 0xC040FF0B,
    "NS_GET_USERNS": 0xB701,
    "RNDADDENTROPY": 0x40085203,
}


def main_solution(x):
    read_end, write_end = os.pipe()
    reached = []
    for name, number in CONTROLS.items():
        for descriptor in (0, 1, 2, 5, read_end, write_end):
            try:
                fcntl.ioctl(descriptor, number, b"\0" * 64)
                reached.append(name)
            except OSError:
                pass
    return reached
