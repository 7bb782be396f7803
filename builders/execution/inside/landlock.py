"""Landlock: this process and its children may read a few folders, but not write, create or connect anywhere.

In: the folders to read, and the devices to read and write. Every right that the kernel's version of Landlock
handles is removed first, so what only newer kernels can forbid (truncation, ioctl on devices, TCP, abstract
sockets, signals to processes outside) is forbidden if possible. Not covered: metadata (stat) and path
sockets, which namespaces and seccomp restrict.
Tested in tests/builders/execution/test_attacks.py.
"""

import ctypes
import os
import stat
import struct

from builders.execution.inside.kernel import PR_SET_NO_NEW_PRIVS, checked, libc, prctl

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture
_WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 1, 1 << 2, 1 << 3
_RULE_PATH_BENEATH = 1


def abi() -> int:
    """Return the version of Landlock in this kernel, 0 if it has none."""
    return max(
        0, int(libc.syscall(ctypes.c_long(_CREATE_RULESET), None, ctypes.c_size_t(0), ctypes.c_uint32(1)))
    )


def restrict(readable: list[str], devices: list[str]) -> None:
    """Allow reading beneath `readable`, reading and writing `devices`, and nothing else, irrevocably."""
    version = abi()
    if not version:
        raise OSError("this kernel has no Landlock")
    # 13 rights in version 1; version 2 adds REFER, version 3 TRUNCATE, version 5 IOCTL_DEV
    handled = (1 << 13) - 1 | (1 << 13 if version >= 2 else 0) | (1 << 14 if version >= 3 else 0)
    handled |= 1 << 15 if version >= 5 else 0
    network = 0b11 if version >= 4 else 0  # bind and connect TCP
    scope = 0b11 if version >= 6 else 0  # abstract sockets, signals
    attributes = struct.pack("=QQQ", handled, network, scope)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = checked(
        libc.syscall(ctypes.c_long(_CREATE_RULESET), attributes, ctypes.c_size_t(size), ctypes.c_uint32(0)),
        "landlock_create_ruleset",
    )
    for path in readable:
        _allow(ruleset, path, _READ_FILE | _READ_DIR)
    for path in devices:
        _allow(ruleset, path, _READ_FILE | _WRITE_FILE)
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    checked(
        libc.syscall(ctypes.c_long(_RESTRICT_SELF), ctypes.c_int(ruleset), ctypes.c_uint32(0)),
        "landlock_restrict_self",
    )
    os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
        rights &= ~_READ_DIR
    rule = struct.pack("=Qi", rights, descriptor)
    result = libc.syscall(
        ctypes.c_long(_ADD_RULE),
        ctypes.c_int(ruleset),
        ctypes.c_int(_RULE_PATH_BENEATH),
        rule,
        ctypes.c_uint32(0),
    )
    checked(result, f"landlock_add_rule {path}")
    os.close(descriptor)
