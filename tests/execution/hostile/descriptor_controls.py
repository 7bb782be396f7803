# must: no locks, leases, owners, larger pipes or seals
# accept: ok
# output: []
import fcntl
import os

CONTROLS = {
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


def main_solution(x):
    read_end, write_end = os.pipe()
    reached = []
    for name, number in CONTROLS.items():
        for descriptor in (0, 1, 2, 5, read_end, write_end):
            try:
                fcntl.fcntl(descriptor, number, b"\0" * 64)
                reached.append(name)
            except OSError:
                pass
    return reached
