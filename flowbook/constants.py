"""Numbers that a module was built with, and without which its weights mean nothing."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


class Constants(nn.Module):
    """A module that is saved with its constants and loads into its equal alone.

    A slope or a bound is no parameter, so that torch does not save it. The same
    weights in a module built with another one are another map, and torch says "all
    keys matched". A subclass names such attributes in `constants`: they are saved
    beside the weights, as tensors, and `load_state_dict` refuses others, with the
    RuntimeError that weights of another shape get. So are its own class and what it
    has inside without weights, an activation say: the keys `kind.Exp`, `kind.ReLU()`.
    """

    constants: tuple[str, ...] = ()

    def constant_tensors(self) -> dict[str, Tensor]:
        """Return what is saved beside the parameters and buffers, by its key."""
        own = {name: as_constant(getattr(self, name)) for name in self.constants}
        return own | {f"kind.{name}": as_constant(1) for name in self._kinds()}

    def _kinds(self) -> Iterator[str]:
        yield type(self).__name__
        for path, module in self.named_modules():
            inside = chain(module.children(), module.parameters(), module.buffers())
            if next(inside, None) is None and not isinstance(module, Constants):
                yield f"{path}.{module}"

    def _save_to_state_dict(
        self, destination: dict[str, Any], prefix: str, keep_vars: bool
    ) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        for name, value in self.constant_tensors().items():
            destination[prefix + name] = value

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        own = self.constant_tensors()
        rest = {
            k: v for k, v in state_dict.items() if k.removeprefix(prefix) not in own
        }
        super()._load_from_state_dict(
            rest,
            prefix,
            local_metadata,
            strict,
            missing_keys,
            unexpected_keys,
            error_msgs,
        )
        for name, value in own.items():
            saved = state_dict.get(prefix + name)
            if saved is None:
                missing_keys.append(prefix + name)
            elif not torch.equal(saved.cpu(), value):
                error_msgs.append(
                    f"{prefix}{name} of {type(self).__name__} was saved as "
                    f"{saved.tolist()} and is built as {value.tolist()}: "
                    "build the module as it was saved."
                )


def as_constant(value: Any) -> Tensor:
    """Return the number, or the numbers, as a tensor on the CPU that holds them."""
    if isinstance(value, Tensor | np.ndarray | np.generic):
        return torch.as_tensor(value).detach().cpu()
    # float64 keeps a Python number as it is, and an integer up to 2**53.
    return torch.tensor(value, dtype=torch.float64, device="cpu")
