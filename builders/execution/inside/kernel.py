"""System calls that Python does not wrap, made with ctypes: no compiled extension, no helper program.

Every function raises OSError with the name of the call. Runs inside the zygote.
"""

import ctypes
import os
import resource

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_KEEPCAPS = 8
PR_SET_SECCOMP = 22
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38

CAP_DAC_READ_SEARCH = 2
_CAPABILITY_VERSION_3 = 0x20080522
_CLOSE_RANGE = 436  # the same on every architecture

_NUMBERS = {
    "x86_64": {"pivot_root": 155, "capset": 126},
    "aarch64": {"pivot_root": 41, "capset": 91},
}
MACHINE = os.uname().machine  # `platform` would cache the host name and expose it to jobs

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def checked(result: int, call: str) -> int:
    """Return `result`, or raise the OSError that a negative result stands for."""
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{call}: {os.strerror(error)}")
    return result


def prctl(option: int, argument: int = 0) -> None:
    """Set one attribute of this process."""
    zero = ctypes.c_ulong(0)
    result = libc.prctl(ctypes.c_ulong(option), ctypes.c_ulong(argument), zero, zero, zero)
    checked(result, f"prctl {option}")


def pivot_root(new_root: str, put_old: str) -> None:
    """Make `new_root` the root folder."""
    number = ctypes.c_long(_NUMBERS[MACHINE]["pivot_root"])
    checked(libc.syscall(number, os.fsencode(new_root), os.fsencode(put_old)), "pivot_root")


def close_from(lowest: int) -> None:
    """Close every descriptor from `lowest` up. Raise OSError if one is still open."""
    numbers = ctypes.c_uint(lowest), ctypes.c_uint(2**32 - 1)
    if libc.syscall(ctypes.c_long(_CLOSE_RANGE), *numbers, ctypes.c_uint(0)) < 0:  # before Linux 5.9
        os.closerange(lowest, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    # The limit may have been lowered while higher descriptors were open, so look at those that are open.
    for number in map(int, os.listdir("/proc/self/fd")):
        if number >= lowest and _is_open(number):
            raise OSError(f"descriptor {number} is open")


def _is_open(descriptor: int) -> bool:
    """Return whether a descriptor is open. `os.listdir` lists its own, which it has closed by then."""
    try:
        os.get_inheritable(descriptor)
    except OSError:
        return False
    return True


def drop_bounding_set() -> None:
    """Empty the bounding set, so that no later exec gains a capability; an ordinary user has none to drop."""
    zero = ctypes.c_ulong(0)
    for capability in range(64):
        if libc.prctl(ctypes.c_ulong(PR_CAPBSET_DROP), ctypes.c_ulong(capability), zero, zero, zero):
            break


def hold_capabilities(*held: int) -> None:
    """Give up every capability except those in `held`."""
    mask = sum(1 << capability for capability in held)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    # effective, permitted, inheritable, twice: the low and the high 32 capabilities
    data = (ctypes.c_uint32 * 6)(mask, mask, 0, 0, 0, 0)
    number = ctypes.c_long(_NUMBERS[MACHINE]["capset"])
    checked(libc.syscall(number, header, data), "capset")
