# must: no file by its handle, whose number could be guessed
# accept: ok
# output: []
import ctypes
import errno
import os
import struct


def main_solution(x):
    if os.uname().machine != "x86_64":
        return []
    libc = ctypes.CDLL(None, use_errno=True)
    handle = ctypes.create_string_buffer(struct.pack("=Ii", 128, 0) + bytes(128))
    mount = ctypes.c_int()
    reached = []
    for path in (b"/", b"{CANARY}/secret"):
        if (
            libc.syscall(303, -100, path, handle, ctypes.byref(mount), 0) != -1
            or ctypes.get_errno() != errno.EPERM
        ):
            reached.append("name_to_handle_at")
    guess = struct.pack("=IiII", 8, 1, 2, 0)  # the root folder of an ext4
    for place in (-100, 0, 1):
        if libc.syscall(304, place, guess, os.O_RDONLY) != -1 or ctypes.get_errno() != errno.EPERM:
            reached.append("open_by_handle_at")
    return reached
