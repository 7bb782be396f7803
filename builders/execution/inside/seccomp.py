"""seccomp-bpf filters: which system calls the worker may make, and with which arguments.

Two filters stack. `server_filter` is installed once in the zygote and inherited by every job: an allow-list
of what Python needs to compute and of what a fork server needs. `JobFilter` is small and is added in each
forked job: it forbids new processes, signals to others, and changes to limits or filters. A call that is not
allowed fails with EPERM, so that code sees an OSError. A call of another architecture kills the process.

Not covered: which files may be opened (namespaces, Landlock, or `no_open`), and the time from the vDSO.
"""

import ctypes
import errno
import struct

from builders.execution.inside.kernel import MACHINE, PR_SET_SECCOMP, checked, libc

_X86_64 = {
    "read": 0, "write": 1, "open": 2, "close": 3, "stat": 4, "fstat": 5, "lstat": 6, "poll": 7, "lseek": 8,
    "mmap": 9, "mprotect": 10, "munmap": 11, "brk": 12, "rt_sigaction": 13, "rt_sigprocmask": 14,
    "rt_sigreturn": 15, "ioctl": 16, "pread64": 17, "readv": 19, "writev": 20, "access": 21, "pipe": 22,
    "select": 23, "sched_yield": 24, "mremap": 25, "msync": 26, "mincore": 27, "madvise": 28, "dup": 32,
    "dup2": 33, "pause": 34, "nanosleep": 35, "getitimer": 36, "alarm": 37, "setitimer": 38, "getpid": 39,
    "sendto": 44, "recvfrom": 45, "shutdown": 48, "getsockname": 51, "getpeername": 52, "socketpair": 53,
    "getsockopt": 55, "clone": 56, "fork": 57, "vfork": 58, "exit": 60, "wait4": 61, "kill": 62, "uname": 63,
    "fcntl": 72, "getdents": 78, "getcwd": 79, "readlink": 89, "gettimeofday": 96, "getrlimit": 97,
    "getrusage": 98, "sysinfo": 99, "times": 100, "getuid": 102, "getgid": 104, "geteuid": 107,
    "getegid": 108, "getppid": 110, "getpgrp": 111, "getgroups": 115, "getresuid": 118, "getresgid": 120,
    "getpgid": 121, "getsid": 124, "rt_sigpending": 127, "rt_sigtimedwait": 128, "rt_sigsuspend": 130,
    "sigaltstack": 131, "sched_getparam": 143, "sched_getscheduler": 145, "sched_get_priority_max": 146,
    "sched_get_priority_min": 147, "prctl": 157, "arch_prctl": 158, "gettid": 186, "time": 201, "futex": 202,
    "sched_getaffinity": 204, "getdents64": 217, "set_tid_address": 218, "restart_syscall": 219,
    "fadvise64": 221, "clock_gettime": 228, "clock_getres": 229, "clock_nanosleep": 230, "exit_group": 231,
    "epoll_wait": 232, "epoll_ctl": 233, "tgkill": 234, "openat": 257, "newfstatat": 262, "readlinkat": 267,
    "faccessat": 269, "pselect6": 270, "ppoll": 271, "set_robust_list": 273, "get_robust_list": 274,
    "epoll_pwait": 281, "eventfd2": 290, "epoll_create1": 291, "dup3": 292, "pipe2": 293, "preadv": 295,
    "prlimit64": 302, "getcpu": 309, "seccomp": 317, "getrandom": 318, "membarrier": 324, "statx": 332,
    "rseq": 334, "clone3": 435, "faccessat2": 439, "epoll_pwait2": 441,
}  # fmt: skip
_AARCH64 = {
    "getcwd": 17, "eventfd2": 19, "epoll_create1": 20, "epoll_ctl": 21, "epoll_pwait": 22, "dup": 23,
    "dup3": 24, "fcntl": 25, "ioctl": 29, "faccessat": 48, "openat": 56, "close": 57, "pipe2": 59,
    "getdents64": 61, "lseek": 62, "read": 63, "write": 64, "readv": 65, "writev": 66, "pread64": 67,
    "preadv": 69, "pselect6": 72, "ppoll": 73, "readlinkat": 78, "newfstatat": 79, "fstat": 80, "exit": 93,
    "exit_group": 94, "set_tid_address": 96, "futex": 98, "set_robust_list": 99, "get_robust_list": 100,
    "nanosleep": 101, "getitimer": 102, "setitimer": 103, "clock_gettime": 113, "clock_getres": 114,
    "clock_nanosleep": 115, "sched_getscheduler": 120, "sched_getparam": 121, "sched_getaffinity": 123,
    "sched_yield": 124, "sched_get_priority_max": 125, "sched_get_priority_min": 126, "restart_syscall": 128,
    "kill": 129, "tgkill": 131, "sigaltstack": 132, "rt_sigsuspend": 133, "rt_sigaction": 134,
    "rt_sigprocmask": 135, "rt_sigpending": 136, "rt_sigtimedwait": 137, "rt_sigreturn": 139,
    "getresuid": 148, "getresgid": 150, "times": 153, "getpgid": 155, "getsid": 156, "getgroups": 158,
    "uname": 160, "getrlimit": 163, "getrusage": 165, "prctl": 167, "getcpu": 168, "gettimeofday": 169,
    "getpid": 172, "getppid": 173, "getuid": 174, "geteuid": 175, "getgid": 176, "getegid": 177,
    "gettid": 178, "sysinfo": 179, "socketpair": 199, "getsockname": 204, "getpeername": 205, "sendto": 206,
    "recvfrom": 207, "getsockopt": 209, "shutdown": 210, "brk": 214, "munmap": 215, "mremap": 216,
    "clone": 220, "mmap": 222, "fadvise64": 223, "mprotect": 226, "msync": 227, "mincore": 232,
    "madvise": 233, "wait4": 260, "prlimit64": 261, "seccomp": 277, "getrandom": 278, "membarrier": 283,
    "statx": 291, "rseq": 293, "clone3": 435, "faccessat2": 439, "epoll_pwait2": 441,
}  # fmt: skip
SYSCALLS = {"x86_64": _X86_64, "aarch64": _AARCH64}
_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

# Calls that open or inspect files, which `no_open` leaves out.
_OPENING = frozenset(
    {"open", "openat", "stat", "lstat", "newfstatat", "statx", "readlink", "readlinkat"}
    | {"access", "faccessat", "faccessat2", "getdents", "getdents64"}
)
# Calls that are allowed only with some arguments.
_BY_ARGUMENT = frozenset(
    {"clone", "clone3", "fork", "vfork", "ioctl", "prlimit64", "socketpair", "sendto", "fcntl"}
)

_SET_MODE_FILTER = 2
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_RET_ALLOW, _RET_ERRNO, _RET_KILL = 0x7FFF0000, 0x00050000, 0x80000000

_CLONE_THREAD = 0x10000
_CLONE_FORBIDDEN = 0x7E020000 | 0x8000 | 0x4000 | 0x2000 | 0x80  # namespaces, PARENT, VFORK, PTRACE, NEWTIME
# DUPFD, GETFD, SETFD, GETFL, SETFL, DUPFD_CLOEXEC: no SETOWN, no locks
_FCNTL_ALLOWED = (0, 1, 2, 3, 4, 1030)
_IOCTL_ALLOWED = (0x5421, 0x5450, 0x5451)  # FIONBIO, FIONCLEX, FIOCLEX
_AF_UNIX = 1


def _op(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


_ALLOW = _op(_RETURN, _RET_ALLOW)
_DENY = _op(_RETURN, _RET_ERRNO | errno.EPERM)


def _low(argument: int) -> bytes:
    """Return the step that loads the low half of an argument (both architectures are little-endian)."""
    return _op(_LOAD, 16 + 8 * argument)


def _high(argument: int) -> bytes:
    return _op(_LOAD, 20 + 8 * argument)


def _one_of(values: tuple[int, ...], otherwise: bytes = _DENY) -> list[bytes]:
    """Return the steps that allow the call if the loaded word is one of `values`."""
    allowed = [step for value in values for step in (_op(_EQUAL, value, 0, 1), _ALLOW)]
    return [*allowed, otherwise]


def _is_zero(argument: int) -> list[bytes]:
    """Return the steps that allow the call if the 64-bit argument is 0 or a null pointer."""
    halves = (_low(argument), _op(_EQUAL, 0, 0, 3), _high(argument), _op(_EQUAL, 0, 0, 1))
    return [*halves, _ALLOW, _DENY]


class _Program:
    """A filter under construction: one case for each system call, which ends in a verdict."""

    def __init__(self, machine: str) -> None:
        self.numbers = SYSCALLS[machine]
        self.steps: list[bytes] = []

    def case(self, name: str, body: list[bytes]) -> None:
        if name in self.numbers:
            self.steps += [_op(_EQUAL, self.numbers[name], 0, len(body)), *body]


def server_filter(no_open: bool = False, machine: str = MACHINE) -> bytes:
    """Return the zygote's allow-list; with `no_open`, no file can be opened or inspected afterwards."""
    program = _Program(machine)
    program.steps += [
        _op(_LOAD, 4),
        _op(_EQUAL, _AUDIT_ARCH[machine], 1, 0),
        _op(_RETURN, _RET_KILL),
        _op(_LOAD, 0),
        _op(_AT_LEAST, 0x40000000, 0, 1),  # the x32 ABI
        _DENY,
    ]
    for name in program.numbers:
        if name not in _BY_ARGUMENT and not (no_open and name in _OPENING):
            program.case(name, [_ALLOW])
    # Processes and threads are allowed; namespaces, children of the parent, vfork and tracing are not.
    program.case("clone", [_low(0), _op(_ANY_BIT, _CLONE_FORBIDDEN, 1, 0), _ALLOW, _DENY])
    program.case("clone3", [_op(_RETURN, _RET_ERRNO | errno.ENOSYS)])  # a filter cannot read its flags
    program.case("ioctl", [_low(1), *_one_of(_IOCTL_ALLOWED, _op(_RETURN, _RET_ERRNO | errno.ENOTTY))])
    program.case("prlimit64", _is_zero(0))  # this process only
    program.case("socketpair", [_low(0), *_one_of((_AF_UNIX,))])  # asyncio needs one
    program.case("sendto", _is_zero(4))  # with an address, a datagram pair could reach sockets outside
    program.case("fcntl", [_low(1), *_one_of(_FCNTL_ALLOWED)])
    return b"".join([*program.steps, _DENY])


class JobFilter:
    """The small filter of a forked job. It is built once; only the process id in it changes."""

    def __init__(self, machine: str = MACHINE) -> None:
        program = _Program(machine)
        program.steps.append(_op(_LOAD, 0))
        for name in ("kill", "wait4", "prctl", "seccomp", "fork", "vfork"):
            program.case(name, [_DENY])
        program.case("clone", [_low(0), _op(_ANY_BIT, _CLONE_THREAD, 0, 1), _ALLOW, _DENY])
        program.case("prlimit64", _is_zero(2))  # reading limits, not setting them
        program.case("tgkill", [_low(0), *_one_of((0,))])
        # the process id is in the comparison, which precedes the two verdicts of the last case
        self._pid_offset = 8 * (len(program.steps) - 3) + 4
        blob = b"".join([*program.steps, _ALLOW])
        self.code = ctypes.create_string_buffer(blob, len(blob))

    def set_process_id(self, process_id: int) -> None:
        """Set the id of the process that may be signalled."""
        struct.pack_into("=I", self.code, self._pid_offset, process_id)

    def install(self, process_id: int) -> None:
        """Install the filter on this process, whose id is `process_id`."""
        self.set_process_id(process_id)
        install(self.code)


class _FilterProgram(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_void_p))


def install(code: "ctypes.Array[ctypes.c_char] | bytes") -> None:
    """Install a filter on this process, its later threads and its children, irrevocably."""
    steps = code if isinstance(code, ctypes.Array) else ctypes.create_string_buffer(code, len(code))
    program = _FilterProgram(len(steps) // 8, ctypes.addressof(steps))
    zero = ctypes.c_ulong(0)
    mode = ctypes.c_ulong(_SET_MODE_FILTER)
    result = libc.prctl(ctypes.c_ulong(PR_SET_SECCOMP), mode, ctypes.byref(program), zero, zero)
    checked(result, "seccomp")
