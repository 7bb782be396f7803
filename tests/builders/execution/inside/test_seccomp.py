"""The filters decide correctly on both architectures, as a small BPF interpreter shows."""

import re
import struct
from pathlib import Path

import pytest

from builders.execution.inside.seccomp import SYSCALLS, JobFilter, server_filter

ALLOW, DENY, NO_SUCH_CALL, NO_TTY, KILL = 0x7FFF0000, 0x50001, 0x50026, 0x50019, 0x80000000
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}
# calls that are in no table; the same number means a different call on the other architecture
SOCKET = {"x86_64": 41, "aarch64": 198}
EXECVE = {"x86_64": 59, "aarch64": 221}
PTRACE = {"x86_64": 101, "aarch64": 117}
UNSHARE = {"x86_64": 272, "aarch64": 97}
IO_URING_SETUP, BPF = 425, {"x86_64": 321, "aarch64": 280}


def verdict(program: bytes, number: int, architecture: int, *arguments: int) -> int:
    data = struct.pack("<IIQ6Q", number, architecture, 0, *arguments, *[0] * (6 - len(arguments)))
    accumulator, position = 0, 0
    while True:
        code, if_true, if_false, value = struct.unpack_from("<HBBI", program, 8 * position)
        position += 1
        if code == 0x20:
            (accumulator,) = struct.unpack_from("<I", data, value)
        elif code == 0x06:
            return int(value)
        else:
            holds = {0x15: accumulator == value, 0x35: accumulator >= value, 0x45: bool(accumulator & value)}
            position += if_true if holds[code] else if_false


@pytest.fixture(params=sorted(ARCHITECTURES))
def machine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def served(machine: str, call: str | int, *arguments: int, no_open: bool = False) -> int:
    number = SYSCALLS[machine][call] if isinstance(call, str) else call
    return verdict(server_filter(no_open, machine), number, ARCHITECTURES[machine], *arguments)


def test_numbers_are_those_of_the_kernel_s_headers(machine: str) -> None:
    if not HEADERS[machine].exists():
        pytest.skip("no kernel headers here")
    text = HEADERS[machine].read_text()
    numbers = {name: int(number) for name, number in re.findall(r"#define __NR(?:3264)?_(\w+) (\d+)", text)}
    if machine == "aarch64":
        numbers["newfstatat"] = numbers["fstatat"]
    assert {name: numbers.get(name) for name in SYSCALLS[machine]} == SYSCALLS[machine]


def test_computing_and_forking_are_allowed(machine: str) -> None:
    for call in (
        "read",
        "write",
        "mmap",
        "futex",
        "getrandom",
        "exit_group",
        "openat",
        "wait4",
        "kill",
        "prctl",
    ):
        assert served(machine, call) == ALLOW
    assert served(machine, "clone", 17) == ALLOW  # fork
    assert served(machine, "clone", 0x3D0F00) == ALLOW  # a thread


def test_the_rest_is_not(machine: str) -> None:
    for number in (SOCKET, EXECVE, PTRACE, UNSHARE, BPF):
        assert served(machine, number[machine]) == DENY
    assert served(machine, IO_URING_SETUP) == DENY
    assert served(machine, "clone3") == NO_SUCH_CALL


def test_arguments_decide(machine: str) -> None:
    assert served(machine, "clone", 17 | 0x10000000) == DENY  # a user namespace
    assert served(machine, "clone", 17 | 0x8000) == DENY  # a child of the parent
    assert served(machine, "ioctl", 0, 0x5421) == ALLOW
    assert served(machine, "ioctl", 0, 0x5412) == NO_TTY  # TIOCSTI
    assert served(machine, "prlimit64", 0, 0, 1) == ALLOW
    assert served(machine, "prlimit64", 77, 0, 1) == DENY
    assert served(machine, "prlimit64", 1 << 32, 0, 1) == DENY
    assert served(machine, "socketpair", 1) == ALLOW
    assert served(machine, "socketpair", 40) == DENY
    assert served(machine, "sendto", 3, 1, 1, 0, 0) == ALLOW
    assert served(machine, "sendto", 3, 1, 1, 0, 1 << 40) == DENY
    assert served(machine, "fcntl", 3, 3) == ALLOW
    assert served(machine, "fcntl", 3, 8) == DENY  # F_SETOWN


def test_without_opening_nothing_can_be_looked_at(machine: str) -> None:
    for call in ("openat", "newfstatat", "readlinkat", "faccessat", "getdents64"):
        assert served(machine, call) == ALLOW
        assert served(machine, call, no_open=True) == DENY
    assert served(machine, "read", no_open=True) == ALLOW


def test_foreign_calls_kill_or_fail(machine: str) -> None:
    program = server_filter(machine=machine)
    for other, architecture in (*ARCHITECTURES.items(), ("i386", 0x40000003)):
        if other != machine:
            assert verdict(program, SYSCALLS[machine]["read"], architecture) == KILL
    assert verdict(program, 0x40000000, ARCHITECTURES[machine]) == DENY


def test_a_job_may_start_threads_and_signal_itself_alone(machine: str) -> None:
    job = JobFilter(machine)
    job.set_process_id(4711)
    program, architecture, numbers = bytes(job.code), ARCHITECTURES[machine], SYSCALLS[machine]
    for call in ("kill", "wait4", "prctl", "seccomp"):
        assert verdict(program, numbers[call], architecture) == DENY
    assert verdict(program, numbers["clone"], architecture, 17) == DENY
    assert verdict(program, numbers["clone"], architecture, 0x3D0F00) == ALLOW
    assert verdict(program, numbers["tgkill"], architecture, 4711) == ALLOW
    assert verdict(program, numbers["tgkill"], architecture, 1) == DENY
    assert verdict(program, numbers["prlimit64"], architecture, 0, 0, 0) == ALLOW
    assert verdict(program, numbers["prlimit64"], architecture, 0, 0, 1) == DENY
    assert verdict(program, numbers["read"], architecture) == ALLOW
