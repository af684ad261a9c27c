"""The system calls that a sandboxed process may not make: a seccomp filter."""

import ctypes
import errno
import signal
import struct
from collections.abc import Iterable
from functools import cache

from autograder.sandbox import kernel
from autograder.sandbox.forbidden_calls import NUMBERS, Policy, Rule

LOAD, AND, RETURN = 0x20, 0x54, 0x06  # BPF: load a word, mask it, give the verdict
EQUAL, AT_LEAST = 0x15, 0x35  # jump if so, jump if not so
ALLOW, KILL, ERROR = 0x7FFF0000, 0x80000000, 0x00050000
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
X32 = 0x40000000  # the numbers of the x32 way in start there


def install_filter(policy: Policy) -> None:
    """Refuse this process and its children what leads out; needs no_new_privs."""
    code = program(policy)
    buffer = ctypes.create_string_buffer(code, len(code))
    length = len(code) // 8
    header = struct.pack("HxxxxxxQ", length, ctypes.addressof(buffer))
    pointer = ctypes.create_string_buffer(header, len(header))
    kernel.prctl(
        kernel.PR_SET_SECCOMP,
        kernel.SECCOMP_MODE_FILTER,
        ctypes.addressof(pointer),
    )


@cache
def program(policy: Policy) -> bytes:
    """The filter as BPF instructions of 8 bytes."""
    code = [step(LOAD, ARCHITECTURE), *unless(ARCHITECTURES[kernel.MACHINE], KILL)]
    code.append(step(LOAD, NUMBER))
    if kernel.MACHINE == "x86_64":
        code += [step(AT_LEAST, X32, 0, 1), step(RETURN, ERROR | errno.ENOSYS)]
    code += denied(policy.absent, errno.ENOSYS)
    code += denied(policy.denied, errno.EPERM)
    code += denied(policy.pretended, 0)
    code += own_sigkill()
    for rule in policy.rules:
        code += judged(rule)
    return b"".join([*code, step(RETURN, ALLOW)])


def denied(names: Iterable[str], error: int) -> list[bytes]:
    """Deny calls whatever their arguments are."""
    code = []
    for name in names:
        if (number := number_of(name)) is not None:
            code += [step(EQUAL, number, 0, 1), step(RETURN, ERROR | error)]
    return code


def judged(rule: Rule) -> list[bytes]:
    """Deny a call for the low half of one of its arguments."""
    if (number := number_of(rule.call)) is None:
        return []
    body = [step(LOAD, FIRST_ARGUMENT + 8 * rule.argument), step(AND, rule.mask)]
    deny = step(RETURN, ERROR | rule.error)
    for value in rule.denied:
        body += [step(EQUAL, value, 0, 1), deny]
    if rule.allowed:
        left = len(rule.allowed)
        body += [step(EQUAL, v, left - i, 0) for i, v in enumerate(rule.allowed)]
        body.append(deny)
    body.append(step(LOAD, NUMBER))
    return [step(EQUAL, number, 0, len(body)), *body]


def own_sigkill() -> list[bytes]:
    """Let the first process of a namespace end itself with SIGKILL.

    The kernel would not deliver it. What else sends SIGKILL to that process, or to its
    own group, ends itself likewise.
    """
    body = [
        step(LOAD, FIRST_ARGUMENT + 8),
        step(EQUAL, signal.SIGKILL, 0, 4),
        step(LOAD, FIRST_ARGUMENT),
        step(EQUAL, 0, 1, 0),
        step(EQUAL, 1, 0, 1),
        step(RETURN, KILL),
        step(LOAD, NUMBER),
    ]
    return [step(EQUAL, number_of("kill"), 0, len(body)), *body]


def unless(value: int, verdict: int) -> list[bytes]:
    """Give a verdict unless the loaded word is `value`."""
    return [step(EQUAL, value, 1, 0), step(RETURN, verdict)]


def step(code: int, k: int, if_so: int = 0, if_not: int = 0) -> bytes:
    """One instruction."""
    return struct.pack("HBBI", code, if_so, if_not, k & 0xFFFFFFFF)


def number_of(name: str) -> int | None:
    """The number of a call on this machine; None where there is no such call."""
    return NUMBERS[name][kernel.COLUMN[kernel.MACHINE]]
