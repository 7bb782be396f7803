# must: no locks, leases, owners, larger pipes or seals; no control of a device, no typing into a terminal
# accept: ok
# output: []
import fcntl
import os

OF_DESCRIPTORS = {
    "F_SETLK": 6,
    "F_SETOWN": 8,
    "F_GETOWN": 9,
    "F_SETSIG": 10,
    "F_SETOWN_EX": 15,
    "F_OFD_SETLK": 37,
    "F_SETLEASE": 1024,
    "F_NOTIFY": 1026,
    "F_SETPIPE_SZ": 1031,
    "F_ADD_SEALS": 1033,
    "F_SET_RW_HINT": 1036,
    "F_DUPFD_QUERY": 1027,
    "F_CREATED_QUERY": 1028,
}
OF_DEVICES = {
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
    descriptors = (0, 1, 2, 5, *os.pipe())
    reached = []
    for control, numbers in ((fcntl.fcntl, OF_DESCRIPTORS), (fcntl.ioctl, OF_DEVICES)):
        for name, number in numbers.items():
            for descriptor in descriptors:
                try:
                    control(descriptor, number, b"\0" * 64)
                    reached.append(name)
                except OSError:
                    pass
    return reached
