"""Linux namespaces: a process with its own root folder, network, process table, IPC and host name.

In: the folders to read and the devices. Out: a process that sees these, read-only, and nothing else. This
works for root, and for ordinary users if the system allows user namespaces. Not covered: capabilities inside
the user namespace, which the caller gives up afterwards.
Tested in tests/builders/execution/test_attacks.py.
"""

import ctypes
import os
import signal
import stat

from builders.execution.inside.kernel import PR_SET_PDEATHSIG, checked, libc, pivot_root, prctl

_NEWNS, _NEWCGROUP, _NEWUTS, _NEWIPC = 0x20000, 0x02000000, 0x04000000, 0x08000000
_NEWUSER, _NEWPID, _NEWNET = 0x10000000, 0x20000000, 0x40000000
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_REMOUNT, _MS_BIND = 1, 2, 4, 32, 4096
_MS_REC, _MS_PRIVATE = 16384, 1 << 18
_MNT_DETACH = 2
# flags of the source that a bind mount by an ordinary user must keep: (flag of statvfs, flag of mount)
_KEPT_FLAGS = (
    (os.ST_NOSUID, _MS_NOSUID),
    (os.ST_NODEV, _MS_NODEV),
    (os.ST_NOEXEC, 8),
    (os.ST_NOATIME, 1024),
    (os.ST_NODIRATIME, 2048),
    (os.ST_RELATIME, 1 << 21),
)
_MOUNT_POINT = "/tmp"  # any folder would do: the new root hides what it holds


def enter(
    readable: list[str], devices: list[str], inner_id: int, pipes: tuple[int, ...], variant: int
) -> None:
    """Continue as the first process of new namespaces, in a root folder of only `readable` and `devices`.

    The calling process only waits: it closes `pipes` and exits with the exit code of the new process.
    `inner_id` is the user and group id seen inside. The host name shows nothing except the variant.
    """
    user, group = os.getuid(), os.getgid()
    _unshare(_NEWUSER)
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{inner_id} {user} 1"),
        ("gid_map", f"{inner_id} {group} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
    _unshare(_NEWNS | _NEWNET | _NEWIPC | _NEWUTS | _NEWPID | _NEWCGROUP)
    host_name = b"world%d" % variant
    checked(libc.sethostname(host_name, ctypes.c_size_t(len(host_name))), "sethostname")
    child = os.fork()
    if child:
        for pipe in pipes:
            os.close(pipe)
        os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 0xFF)
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    _build_root(readable, devices)


def _build_root(readable: list[str], devices: list[str]) -> None:
    _mount("none", "/", None, _MS_REC | _MS_PRIVATE)
    # Open the sources first: the new root hides the mount point, and some of them may lie beneath it.
    sources = [(path, os.open(path, os.O_PATH)) for path in readable + devices if os.path.exists(path)]
    _mount("tmpfs", _MOUNT_POINT, "tmpfs", _MS_NOSUID | _MS_NODEV, "size=4m,mode=755")
    for path, source in sources:
        target = _MOUNT_POINT + path
        if stat.S_ISDIR(os.fstat(source).st_mode):
            os.makedirs(target, exist_ok=True)
        elif not os.path.exists(target):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, "x"):
                pass
        _mount(f"/proc/self/fd/{source}", target, None, _MS_BIND)
        source_flags = os.statvfs(target).f_flag
        flags = _MS_REMOUNT | _MS_BIND | _MS_RDONLY | _MS_NOSUID | (0 if path in devices else _MS_NODEV)
        for statvfs_flag, mount_flag in _KEPT_FLAGS:
            flags |= mount_flag if source_flags & statvfs_flag else 0
        _mount("none", target, None, flags)
        os.close(source)
    _mount("none", _MOUNT_POINT, None, _MS_REMOUNT | _MS_BIND | _MS_RDONLY | _MS_NOSUID | _MS_NODEV)
    os.chdir(_MOUNT_POINT)
    pivot_root(".", ".")
    checked(libc.umount2(b".", _MNT_DETACH), "umount")
    os.chdir("/")


def _unshare(flags: int) -> None:
    checked(libc.unshare(flags), f"unshare {flags:#x}")


def _mount(source: str, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    arguments = [text if text is None else os.fsencode(text) for text in (source, target, kind, options)]
    result = libc.mount(arguments[0], arguments[1], arguments[2], ctypes.c_ulong(flags), arguments[3])
    checked(result, f"mount {target}")
