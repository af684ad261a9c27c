"""A user without rights, for what root tests besides: nobody, and his Python."""

import os
import sys
from pathlib import Path

NOBODY = 65534


def python_of(name):
    """The command and the environment with which to try a tier."""
    packages = {"PYTHONPATH": ":".join(p for p in sys.path if "-packages" in p)}
    if name == "root namespaces" or os.getuid():
        return [sys.executable], packages
    minor = f"python{sys.version_info.major}.{sys.version_info.minor}"
    python = next(p for p in (sys.executable, f"/usr/bin/{minor}") if open_to_all(p))
    command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    return [*command, python], {**packages, "HOME": "/tmp"}


def open_to_all(path):
    """Whether anybody may run a program."""
    places = [Path(path), *Path(path).parents, *Path(path).resolve().parents]
    return Path(path).exists() and all(place.stat().st_mode & 1 for place in places)
