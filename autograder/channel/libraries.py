"""Libraries that a course may use or not: the channel imports none before it is used.

What a notebook or a test has imported is known by the table of loaded modules. A
message may bring a tensor to a process that has not imported torch yet: only then is it
imported here.
"""

import importlib
import sys
from types import ModuleType
from typing import Any

from autograder.channel.frames import ProtocolError


def loaded(library: str) -> ModuleType | None:
    """A library that this process has imported; None as long as it has not."""
    return sys.modules.get(library)


def needed(library: str) -> ModuleType:
    """A library, imported now if it must be; ProtocolError where it is not installed.

    The other side has the same libraries: it cannot have what is not here.
    """
    if found := loaded(library):
        return found
    try:
        return importlib.import_module(library)
    except ImportError as error:
        raise ProtocolError(f"a value needs {library}, which is not here") from error


def is_tensor(value: Any) -> bool:
    """Whether this is a tensor of torch, or of a subclass."""
    torch = loaded("torch")
    return torch is not None and isinstance(value, torch.Tensor)
