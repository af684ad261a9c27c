"""The system calls that the filter denies, their numbers, and the rules by argument."""

import errno
import socket
from dataclasses import dataclass, replace

from autograder.sandbox import kernel

# name, number on x86-64, number on 64-bit ARM (- where there is none)
TABLE = """
chroot 161 51, pivot_root 155 41, mount 165 40, umount2 166 39, open_tree 428 428,
move_mount 429 429, fsopen 430 430, fsconfig 431 431, fsmount 432 432, fspick 433 433,
mount_setattr 442 442, unshare 272 97, setns 308 268, ptrace 101 117,
process_vm_readv 310 270, process_vm_writev 311 271, process_madvise 440 440,
process_mrelease 448 448, kcmp 312 272, pidfd_getfd 438 438, move_pages 279 239,
migrate_pages 256 238, keyctl 250 219, add_key 248 217, request_key 249 218,
bpf 321 280, perf_event_open 298 241, userfaultfd 323 282, io_uring_setup 425 425,
io_uring_enter 426 426, io_uring_register 427 427, kexec_load 246 104,
kexec_file_load 320 294, init_module 175 105, finit_module 313 273,
delete_module 176 106, reboot 169 142, swapon 167 224, swapoff 168 225, acct 163 89,
quotactl 179 60, quotactl_fd 443 443, settimeofday 164 170, clock_settime 227 112,
clock_adjtime 305 266, adjtimex 159 171, sethostname 170 161, setdomainname 171 162,
iopl 172 -, ioperm 173 -, modify_ldt 154 -, open_by_handle_at 304 265, syslog 103 116,
vhangup 153 58, fanotify_init 300 262, lookup_dcookie 212 18, nfsservctl 180 42,
memfd_create 319 279, memfd_secret 447 447, clone3 435 435, shmget 29 194,
shmat 30 196, shmctl 31 195, shmdt 67 197, msgget 68 186, msgsnd 69 189, msgrcv 70 188,
msgctl 71 187, semget 64 190, semop 65 193, semtimedop 220 192, semctl 66 191,
mq_open 240 180, clone 56 220, socket 41 198, ioctl 16 29, prctl 157 167, mmap 9 222,
setsid 112 157, setpgid 109 154, connect 42 203, tkill 200 130,
rt_sigqueueinfo 129 138, rt_tgsigqueueinfo 297 240, pidfd_open 434 434,
pidfd_send_signal 424 424, ioprio_set 251 30, sched_setaffinity 203 122,
sched_setscheduler 144 119, sched_setparam 142 118, sched_setattr 314 274, chmod 90 -,
fchmod 91 52, fchmodat 268 53, fchmodat2 452 452, chown 92 -, fchown 93 55,
lchown 94 -, fchownat 260 54, setxattr 188 5, lsetxattr 189 6, fsetxattr 190 7,
removexattr 197 14, lremovexattr 198 15, fremovexattr 199 16, setxattrat 463 463,
removexattrat 466 466, utime 132 -, utimes 235 -, futimesat 261 -, utimensat 280 88,
truncate 76 45, file_setattr 469 469, kill 62 129, tgkill 234 131, prlimit64 302 261,
setpriority 141 140, fcntl 72 25, open 2 -, openat 257 56, socketpair 53 199,
openat2 437 437, flock 73 32, inotify_init 253 -, inotify_init1 294 26
"""


def numbers() -> dict[str, tuple[int | None, int | None]]:
    """TABLE as a dictionary."""
    rows = (row.split() for row in TABLE.replace("\n", " ").split(","))
    return {name: (int(a), None if b == "-" else int(b)) for name, a, b in rows}


NUMBERS = numbers()

# Programs fall back on something else when the kernel does not know a call. Memory
# that is mapped by no process is charged to none: such a file would escape the limit.
ABSENT = (
    *("clone3", "memfd_create", "memfd_secret", "mq_open", "openat2"),
    *("shmget", "shmat", "shmctl", "shmdt", "msgget", "msgsnd", "msgrcv", "msgctl"),
    *("semget", "semop", "semtimedop", "semctl"),
)
# What changes the machine, reaches into other processes, or has often been a hole.
DENIED = (
    *("chroot", "pivot_root", "mount", "umount2", "open_tree", "move_mount", "fsopen"),
    *("fsconfig", "fsmount", "fspick", "mount_setattr", "unshare", "setns", "ptrace"),
    *("process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease"),
    *("kcmp", "pidfd_getfd", "move_pages", "migrate_pages", "keyctl", "add_key"),
    *("request_key", "bpf", "perf_event_open", "userfaultfd", "io_uring_setup"),
    *("io_uring_enter", "io_uring_register", "kexec_load", "kexec_file_load"),
    *("init_module", "finit_module", "delete_module", "reboot", "swapon", "swapoff"),
    *("acct", "quotactl", "quotactl_fd", "settimeofday", "clock_settime"),
    *("clock_adjtime", "adjtimex", "sethostname", "setdomainname", "iopl", "ioperm"),
    *("modify_ldt", "open_by_handle_at", "syslog", "vhangup", "fanotify_init"),
    *("lookup_dcookie", "nfsservctl"),
    # They tell that another box opens a file which both may read.
    *("inotify_init", "inotify_init1"),
)
# Without namespaces a process could leave its group, or talk to the host's services.
OUTSIDE = (
    *("setpgid", "connect", "tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo"),
    *("pidfd_open", "pidfd_send_signal", "ioprio_set", "setxattr", "lsetxattr"),
    *("fsetxattr", "removexattr", "lremovexattr", "fremovexattr", "setxattrat"),
    *("removexattrat", "truncate", "file_setattr"),
)
# Each session may get a share of the processors, and a box has one share. A lock on a
# file that others read, too, would be seen in their boxes. Programs make both calls by
# habit: these do nothing and say that they did.
QUIET = ("setsid", "flock")
# Landlock lets a process change the mode and the dates of files that it may not even
# read. These calls do nothing and say that they did: whoever copies a file makes them.
PRETENDED = (
    *("chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown"),
    *("fchownat", "utime", "utimes", "futimesat", "utimensat"),
)


@dataclass(frozen=True)
class Rule:
    """Deny a call when (argument & mask) is in `denied`, or is not in `allowed`."""

    call: str
    argument: int
    mask: int
    denied: tuple[int, ...] = ()
    allowed: tuple[int, ...] = ()
    error: int = errno.EPERM


ALL = 0xFFFFFFFF
NAMESPACES = (
    kernel.CLONE_NEWNS
    | kernel.CLONE_NEWUTS
    | kernel.CLONE_NEWIPC
    | kernel.CLONE_NEWUSER
    | kernel.CLONE_NEWPID
    | kernel.CLONE_NEWNET
    | kernel.CLONE_NEWCGROUP
)
# F_GETLK, F_SETLK, F_SETLKW, and the same for open file descriptions
LOCKS = (5, 6, 7, 36, 37, 38)
LEASES = (1024, 1026)  # F_SETLEASE, F_NOTIFY: who else opens a file
TERMINAL = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX: type for the person at the terminal
SIGNAL_OWNER = (0x8901, 0x8902)  # FIOSETOWN, SIOCSPGRP: have a signal sent to others
SHARED, ANONYMOUS, KIND = 0x01, 0x20, 0x0F  # of mmap
TRUNCATE, WAYS = 0o1000, 0o3  # of open

ARGUMENTS = (
    Rule("clone", 0, NAMESPACES, allowed=(0,)),
    Rule("ioctl", 1, ALL, denied=TERMINAL),
    Rule("prctl", 0, ALL, denied=(kernel.PR_SET_DUMPABLE,)),
    Rule(
        *("mmap", 3, ANONYMOUS | KIND),
        denied=(SHARED | ANONYMOUS, SHARED | ANONYMOUS | 2),
    ),
    Rule("fcntl", 1, ALL, denied=LOCKS, error=0),
    Rule("fcntl", 1, ALL, denied=LEASES),
)
OUTSIDE_ARGUMENTS = (
    Rule("ioctl", 1, ALL, denied=SIGNAL_OWNER),
    Rule("fcntl", 1, ALL, denied=(8, 15)),  # F_SETOWN, F_SETOWN_EX
    Rule("socket", 1, 0xF, denied=(socket.SOCK_DGRAM,)),
    Rule("socketpair", 1, 0xF, denied=(socket.SOCK_DGRAM,)),
    Rule("prlimit64", 0, ALL, allowed=(0,)),
    Rule("setpriority", 0, ALL, denied=(2,)),  # PRIO_USER
    Rule("setpriority", 1, ALL, allowed=(0,)),
    Rule("sched_setaffinity", 0, ALL, allowed=(0,)),
    Rule("sched_setscheduler", 0, ALL, allowed=(0,)),
    Rule("sched_setparam", 0, ALL, allowed=(0,)),
    Rule("sched_setattr", 0, ALL, allowed=(0,)),
    # To truncate what may only be read: Landlock learnt that late.
    Rule("openat", 2, TRUNCATE | WAYS, denied=(TRUNCATE, TRUNCATE | WAYS)),
    Rule("open", 1, TRUNCATE | WAYS, denied=(TRUNCATE, TRUNCATE | WAYS)),
)


@dataclass(frozen=True)
class Policy:
    """What a filter refuses: calls that fail, that do nothing, and rules."""

    rules: tuple[Rule, ...]
    denied: tuple[str, ...] = DENIED
    pretended: tuple[str, ...] = QUIET
    absent: tuple[str, ...] = ABSENT


def inside(*families: int) -> Policy:
    """For a process in namespaces of its own, with these families of sockets."""
    return Policy((*ARGUMENTS, *sockets(*families)))


def with_devices(policy: Policy) -> Policy:
    """Let a driver share memory between its processes and the device."""
    rules = tuple(rule for rule in policy.rules if rule.call != "mmap")
    absent = tuple(call for call in policy.absent if call != "memfd_create")
    return replace(policy, rules=rules, absent=absent)


def outside(pid: int, signals_kept_in: bool) -> Policy:
    """For a process that sees the host's, whose pid is `pid`."""
    own = () if signals_kept_in else own_signals(pid)
    rules = (*ARGUMENTS, *sockets(socket.AF_UNIX), *OUTSIDE_ARGUMENTS, *own)
    return Policy(rules, (*DENIED, *OUTSIDE), (*QUIET, *PRETENDED))


def sockets(*families: int) -> tuple[Rule, ...]:
    """Let a process open sockets of these families alone."""
    # zmq asks for the names of the interfaces, and aborts at any other answer.
    no_names = Rule("socket", 0, ALL, (socket.AF_NETLINK,), error=errno.EOPNOTSUPP)
    others = Rule("socket", 0, ALL, allowed=families, error=errno.EAFNOSUPPORT)
    return no_names, others


def own_signals(pid: int) -> tuple[Rule, ...]:
    """Let a process signal itself and its group, where Landlock cannot see to it."""
    own = (0, pid, -pid & ALL)
    return (
        Rule("kill", 0, ALL, allowed=own),
        Rule("tgkill", 0, ALL, allowed=(pid,)),
    )
