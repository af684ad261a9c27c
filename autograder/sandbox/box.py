"""What one sandboxed family of processes may use, as plain data."""

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, Self

NAMES = ("readable", "writable", "hidden", "devices")


class SandboxError(Exception):
    """The sandbox could not be built, entered or emptied: the grader's failure."""


@dataclass(frozen=True)
class Box:
    """The limits of one family of processes, and the paths that it may see.

    Sizes in bytes. `memory` may be added to what the process already has (a
    MemoryError comes then), and is what a `Watch` compares with the proportional set
    size of the whole family. `disk` is what /tmp, /dev/shm and the home folder hold
    together. `processes` counts threads too, `cpu` is in seconds for each process.

    Python, its environment, the system's libraries, and the packages that are installed
    in place can always be read. `readable` adds paths to them; `hidden` covers paths,
    even those that lie under something readable. `writable` are private folders of the
    host, made for this box. All keep their own paths. `devices` are nodes under /dev.
    `loopback` gives a network in which there is nobody else, for Jupyter kernels; with
    it there is no other network either.
    """

    memory: int = 2 * 1024**3
    disk: int = 256 * 1024**2
    processes: int = 64
    files: int = 256
    cpu: float = 300.0
    readable: tuple[str, ...] = ()
    writable: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    loopback: bool = False

    def to_json(self) -> str:
        """Write as JSON text; `from_json` gives back an equal Box."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote, or a part of it; ValueError says what is wrong."""
        fields = json.loads(text)
        if not isinstance(fields, dict):
            raise ValueError("a box is an object with named limits")
        known = {field.name for field in dataclasses.fields(cls)}
        if unknown := sorted(fields.keys() - known):
            raise ValueError(f"a box has no {unknown[0]!r}")
        return cls(**{name: read(name, value) for name, value in fields.items()})


def read(name: str, value: Any) -> Any:
    """One field of a box, from JSON."""
    if name in NAMES:
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        raise ValueError(f"{name} is a list of paths, not {value!r}")
    if name == "loopback" and isinstance(value, bool):
        return value
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 < value < float("inf"):
        raise ValueError(f"{name} is a number above 0, not {value!r}")
    return float(value) if name == "cpu" else int(value)
