"""Make forking cheap: gather a process's memory in huge pages."""

import ctypes
from pathlib import Path

from autograder.sandbox.kernel import LIBC

HUGE = 2 * 1024**2  # bytes; also where the machine's huge pages are larger
MADV_COLLAPSE = 25  # Linux 6.1


def gather_pages() -> int:
    """Gather this process's own memory; return how many huge pages it took.

    A fork copies one entry for each page. Call it once, after all imports: 0.2 to 0.5 s
    that save a torch process more than half of every fork. What cannot be gathered
    stays as it is; 0 where the kernel does not know how.
    """
    taken = 0
    for start, end in own_memory():
        for address in range(-(-start // HUGE) * HUGE, end - HUGE + 1, HUGE):
            size = ctypes.c_size_t(HUGE)
            done = LIBC.madvise(ctypes.c_void_p(address), size, MADV_COLLAPSE)
            taken += done == 0
    return taken


def own_memory() -> list[tuple[int, int]]:
    """Where the private, writable memory lies that comes from no file."""
    found = []
    for line in Path("/proc/self/maps").read_text(errors="replace").splitlines():
        fields = line.split(maxsplit=5)
        if fields[1] == "rw-p" and fields[5:] in ([], ["[heap]"]):
            start, end = fields[0].split("-")
            found.append((int(start, 16), int(end, 16)))
    return found
