"""Which files a sandboxed process sees: what Python needs to run, and no more."""

import importlib.metadata
import importlib.util
import json
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from autograder.sandbox.box import Box, SandboxError

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
STORES = ("/nix/store", "/gnu/store")
ETC = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "fonts")
INSTALLED = ("site-packages", "dist-packages")
# What libraries of /usr are links to; which processors there are, for torch.
MORE = ("/etc/alternatives", *(f"/sys/devices/system/{x}" for x in ("cpu", "node")))
# No zero: a shared mapping of it is memory that no process is charged for.
DEVICES = ("null", "full", "random", "urandom")
HOME = "/box"
TAKEN = ("/proc", "/dev", HOME)


@dataclass(frozen=True)
class View:
    """What to show, all of it resolved beforehand, so that entering is cheap.

    `shown` holds (path inside, path outside) pairs, parents before children; `links`
    are (path, target) pairs; `covered` and `writable` are paths.
    """

    shown: tuple[tuple[str, str], ...]
    links: tuple[tuple[str, str], ...]
    covered: tuple[str, ...]
    writable: tuple[str, ...]
    devices: tuple[str, ...]

    @property
    def sources(self) -> tuple[str, ...]:
        """The paths outside, each once."""
        return tuple(dict.fromkeys(outside for _, outside in self.shown))


@cache
def view(box: Box) -> View:
    """Resolve the paths of a box; SandboxError when they cannot be shown safely."""
    wanted = [*system(), *python(), *map(os.path.abspath, box.readable)]
    wanted = [path for path in wanted if os.path.exists(path)]
    links = [(path, os.readlink(path)) for path in SYSTEM if os.path.islink(path)]
    paths = [path for path in wanted if path not in dict(links)]
    shown = outermost({(p, os.path.realpath(p)) for path in paths for p in both(path)})
    for inside, _ in shown:
        if inside == "/" or inside in TAKEN:
            raise SandboxError(f"the sandbox cannot show {inside} of this machine")
    return View(
        shown=shown,
        links=tuple(links),
        covered=tuple(p for path in box.hidden for p in covered(path, shown)),
        writable=tuple(os.path.realpath(path) for path in box.writable),
        devices=(*DEVICES, *(name.removeprefix("/dev/") for name in box.devices)),
    )


def system() -> Iterator[str]:
    """The machine's own programs, libraries, fonts and clock."""
    yield from (*SYSTEM, *STORES, *(f"/etc/{name}" for name in ETC), *MORE)


def python() -> Iterator[str]:
    """The interpreter, its environment, and the packages installed beside it."""
    yield from dict.fromkeys((sys.base_prefix, sys.base_exec_prefix, sys.prefix))
    yield from (p for p in sys.path if os.path.basename(p) in INSTALLED)
    for name in dict.fromkeys([__name__.partition(".")[0], *installed_in_place()]):
        spec = importlib.util.find_spec(name)
        yield from (spec.submodule_search_locations or ()) if spec else ()
    yield from mapped_libraries()


def installed_in_place() -> Iterator[str]:
    """The packages that lie where somebody works on them: `pip install -e`.

    A course's own library often does. What else lies beside them is not shown.
    """
    for distribution in importlib.metadata.distributions():
        origin = json.loads(distribution.read_text("direct_url.json") or "{}")
        if origin.get("dir_info", {}).get("editable"):
            yield from (distribution.read_text("top_level.txt") or "").split()


def mapped_libraries() -> list[str]:
    """The shared libraries that this process uses, wherever they lie."""
    lines = Path("/proc/self/maps").read_text(errors="surrogateescape").splitlines()
    paths = {line.split(maxsplit=5)[5] for line in lines if line.count("/")}
    found = (path for path in paths if ".so" in os.path.basename(path))
    return sorted(path for path in found if os.path.isfile(path))


def both(path: str) -> tuple[str, str]:
    """A path as it is named, and as it is once links are followed."""
    return (path, os.path.realpath(path))


def outermost(pairs: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Leave out what another pair shows already."""
    kept: list[tuple[str, str]] = []
    for inside, outside in sorted(pairs):
        if not any(
            under(inside, top) and outside == real + inside.removeprefix(top)
            for top, real in kept
        ):
            kept.append((inside, outside))
    return tuple(kept)


def covered(path: str, shown: Iterable[tuple[str, str]]) -> list[str]:
    """Where a hidden path, or what it really is, would show."""
    real = os.path.realpath(path)
    if not os.path.exists(real):
        return []
    places = {
        inside + real.removeprefix(outside)
        for inside, outside in shown
        if under(real, outside)
    }
    return sorted(places)


def under(path: str, top: str) -> bool:
    """Whether `path` is `top` or lies in it."""
    return path == top or path.startswith(top.rstrip("/") + "/")
