# must: none of these system calls gets further than the filter
# accept: ok
# output: []
import ctypes
import errno
import os

CALLS = {
    # no calls through rings, which no filter sees
    "io_uring_setup": 425,
    "io_uring_enter": 426,
    "io_uring_register": 427,
    # nothing is loaded into the kernel, nothing measured by it
    "bpf": 321,
    "perf_event_open": 298,
    "init_module": 175,
    "finit_module": 313,
    "kexec_load": 246,
    "kexec_file_load": 320,
    "lookup_dcookie": 212,
    "syslog": 103,
    "iopl": 172,
    "ioperm": 173,
    # no keys, which outlive the process
    "add_key": 248,
    "request_key": 249,
    "keyctl": 250,
    # no mounts, by no generation of the calls
    "mount": 165,
    "umount2": 166,
    "pivot_root": 155,
    "chroot": 161,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "fspick": 433,
    "mount_setattr": 442,
    "statmount": 457,
    "listmount": 458,
    "open_tree_attr": 467,
    # none of the calls that carry an address or a descriptor
    "socket": 41,
    "connect": 42,
    "accept": 43,
    "sendmsg": 46,
    "recvmsg": 47,
    "bind": 49,
    "listen": 50,
    "setsockopt": 54,
    "accept4": 288,
    "recvmmsg": 299,
    "sendmmsg": 307,
    "pidfd_getfd": 438,
    # no watching and no marking of files
    "inotify_init1": 294,
    "fanotify_init": 300,
    "fanotify_mark": 301,
    "flock": 73,
    "setxattr": 188,
    "getxattr": 191,
    "file_getattr": 468,
    "sync": 162,
    "syncfs": 306,
    "copy_file_range": 326,
    "splice": 275,
    "tee": 276,
    "sendfile": 40,
    "fallocate": 285,
    # no handling of page faults, no memory that nobody else sees
    "userfaultfd": 323,
    "memfd_secret": 447,
    "process_madvise": 440,
    "mlock2": 325,
    "mlockall": 151,
    "remap_file_pages": 216,
    "vmsplice": 278,
    # no memory that another process could find
    "shmget": 29,
    "shmat": 30,
    "semget": 64,
    "msgget": 68,
    "mq_open": 240,
    "memfd_create": 319,
    # no timers, queues or signal descriptors of the kernel
    "timer_create": 222,
    "timerfd_create": 283,
    "signalfd4": 289,
    "rt_sigqueueinfo": 129,
    "rt_tgsigqueueinfo": 297,
    "tkill": 200,
    "pidfd_send_signal": 424,
    "ptrace": 101,
    "waitid": 247,
    "setsid": 112,
    "setpgid": 109,
    # no further filters or domains, none with a listener
    "seccomp": 317,
    "landlock_create_ruleset": 444,
    "landlock_add_rule": 445,
    "landlock_restrict_self": 446,
    "lsm_set_self_attr": 460,
    "lsm_get_self_attr": 459,
    "capset": 126,
    "capget": 125,
}
SAME_EVERYWHERE = 424  # from this number on, all machines count alike


def main_solution(x):
    known = os.uname().machine == "x86_64"
    libc = ctypes.CDLL(None, use_errno=True)
    reached = []
    for name, number in CALLS.items():
        ctypes.set_errno(0)
        if (known or number >= SAME_EVERYWHERE) and (
            libc.syscall(number, 0, 0, 0, 0, 0, 0) != -1 or ctypes.get_errno() != errno.EPERM
        ):
            reached.append(name)
    return reached
