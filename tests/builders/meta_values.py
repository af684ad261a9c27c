"""A device that every machine has: torch's `meta`, whose tensors here have values too.

On `meta`, torch works out shapes, dtypes and devices. It computes no numbers, so code
stops where it reads one, in a check of its input say. `MetaWithValues` keeps a twin on
the CPU of every storage there, does every operation to the twins too, and lets numbers
be read from them. An operation that meets a tensor made on the CPU raises, as it does
on a GPU: what runs here and gives the CPU's numbers names no wrong device.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

META = torch.device("meta")
aten = torch.ops.aten
IS_META = Tensor.is_meta.__get__
COPIES = {aten._to_copy.default, aten.copy_.default}
FROM_DATA = {torch.tensor, torch.as_tensor, torch.scalar_tensor, Tensor.new_tensor}


def is_there(value: Any) -> bool:
    return isinstance(value, Tensor) and value.device == META


class MetaWithValues(TorchDispatchMode):
    """Do what is done to meta tensors to twins on the CPU as well."""

    def __init__(self) -> None:
        super().__init__()
        # By the address of the storage: a view, and what autograd saves, share it. An
        # address that is used again is that of a new tensor, which gets a new twin.
        self.twins: dict[int, torch.UntypedStorage] = {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        to = kwargs.get("device")
        leaves = [*tensors_of(args), *tensors_of(kwargs.values())]
        there = any(leaf.device == META for leaf in leaves)
        if not there and (to is None or torch.device(to) != META):
            return func(*args, **kwargs)
        if there and func not in COPIES:
            refuse_mixed(func, leaves)
        cpu_args = [self.twins_of(value) for value in args]
        cpu_kwargs = {name: self.twins_of(value) for name, value in kwargs.items()}
        if to is not None:
            cpu_kwargs["device"] = torch.device("cpu")
        values = func(*cpu_args, **cpu_kwargs)
        if to is not None and torch.device(to) != META:
            return values  # brought to the CPU
        return self.result(func, args, kwargs, values)

    def result(self, func, args, kwargs, values):
        """Return what the operation returns on meta, given the values of the twins."""
        if torch.Tag.inplace_view in func.tags:  # another shape for the same tensor
            return func(*args, **kwargs)
        returns = func._schema.returns
        aliases = [r.alias_info for r in returns]
        if any(a is not None and a.is_write for a in aliases):  # in place, or `out`
            target = kwargs.get("out", args[0])
            return target if is_there(target) else values
        if any(a is not None for a in aliases):
            return func(*args, **kwargs)  # a view: its storage has a twin
        if isinstance(values, tuple | list):
            return type(values)(map(self.beside, values))
        return self.beside(values)

    def twins_of(self, value: Any) -> Any:
        """Return the twin, or the list of twins, in place of what is on meta."""
        if isinstance(value, list | tuple):
            return [self.twin(each) for each in value]
        return self.twin(value)

    def twin(self, value: Any) -> Any:
        """Return the tensor on the CPU that holds the numbers of one on meta."""
        if not is_there(value):
            return value
        storage = self.twins.get(value.untyped_storage()._cdata)
        if storage is None:
            raise LookupError(f"a meta tensor without values: {tuple(value.shape)}")
        twin = torch.empty(0, dtype=value.dtype, device="cpu")
        return twin.set_(storage, value.storage_offset(), value.shape, value.stride())

    def beside(self, value: Any) -> Any:
        """Return a new tensor on meta whose twin is this one."""
        if not isinstance(value, Tensor):
            return value
        if value._is_zerotensor():  # of forward-mode derivatives, without memory
            value = torch.zeros(value.shape, dtype=value.dtype, device="cpu")
        if value.storage_offset() or value.untyped_storage().nbytes() == 0:
            value = value.clone()
        made = torch.empty_strided(
            value.shape, value.stride(), dtype=value.dtype, device=META
        )
        self.twins[made.untyped_storage()._cdata] = value.untyped_storage()
        return made


def tensors_of(values: Iterable[Any]) -> Iterator[Tensor]:
    """Yield the tensors among the values, and in lists among them."""
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from tensors_of(value)


def refuse_mixed(func, leaves: list[Tensor]) -> None:
    """Raise as a GPU would where a tensor of the CPU is among them, and no scalar."""
    for leaf in leaves:
        if leaf.device != META and leaf.ndim:
            raise RuntimeError(
                f"Expected all tensors of {func} to be on the same device, but one of "
                f"shape {tuple(leaf.shape)} is on the {leaf.device}."
            )


class AsWhereThereAreNumbers(TorchFunctionMode):
    """Let meta take numbers from Python and show them, as other devices do."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if func == IS_META:
            return False
        if func is Tensor.__format__ and is_there(args[0]) and not args[0].ndim:
            return format(args[0].item(), args[1])
        if func in FROM_DATA:
            return self.from_data(func, args, kwargs)
        return func(*args, **kwargs)

    @staticmethod
    def from_data(func, args, kwargs):
        """Make the tensor on the CPU and move it: on meta it would have no numbers."""
        device = kwargs.pop("device", None)
        if device is None:
            data = args[0]
            if isinstance(data, Tensor):  # new_tensor, or a tensor already
                device = data.device
            else:
                device = torch.get_default_device()
        if func is torch.as_tensor and is_there(args[0]):
            return args[0].to(device, kwargs.get("dtype"))
        if func is Tensor.new_tensor:
            kwargs.setdefault("dtype", args[0].dtype)
            func, args = torch.tensor, args[1:]
        grad = kwargs.pop("requires_grad", False)
        made = func(*args, device="cpu", **kwargs).to(device)
        return made.requires_grad_() if grad else made


REAL_GENERATOR = torch.Generator
FUSED = "torch.optim.optimizer._get_fused_kernels_supported_devices"


class AnyGenerator(type(REAL_GENERATOR)):
    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, REAL_GENERATOR)


class GeneratorOfMeta(REAL_GENERATOR, metaclass=AnyGenerator):
    """`torch.Generator`, which makes one for meta too: with the numbers of the CPU."""

    def __new__(cls, device: Any = "cpu") -> torch.Generator:
        if torch.device(device) != META:
            return REAL_GENERATOR(device)
        return super().__new__(cls, "cpu")

    @property
    def device(self) -> torch.device:
        return META


@contextmanager
def meta_with_values() -> Iterator[MetaWithValues]:
    """Let tensors on meta have values here, with generators and a fused Adam."""
    with (
        mock.patch.object(torch, "Generator", GeneratorOfMeta),
        mock.patch(FUSED, return_value=["cpu", "meta"]),
        MetaWithValues() as mode,
        AsWhereThereAreNumbers(),
    ):
        yield mode
