"""The contract of a layer, and the flow that a base density and layers make."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, wraps
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from flowbook.constants import Constants, as_constant
from flowbook.densities import Density
from flowbook.inputs import as_generator, expect_rows, refuse_mixed_dtypes

Map = Callable[..., tuple[Tensor, Tensor]]


class Layer(Constants, ABC):
    """An invertible map with a tractable Jacobian determinant.

    `forward` is the generative map z -> x, `inverse` the normalising map x -> z.
    Each returns its value and the log|det| of the map just applied.

    A layer for vectors of one width says so in `dim`. Both methods of every subclass
    then refuse other input before they run, because broadcasting would map it too,
    with a wrong log|det|. They also refuse to return more or fewer entries than they
    got, or a log|det| that is not one number a row: a column would add up with that
    of the next layer to all pairs of rows.

    Shapes: z and x (batch, dim); log_det (batch,).

    Raises:
        TypeError: z or x is no tensor.
        ValueError: z or x has another shape, holds no floating-point numbers, or those
            of another dtype than the parameters, where torch cannot mix them.
    """

    dim: int | None = None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name, point in (("forward", "z"), ("inverse", "x")):
            if name in cls.__dict__:
                setattr(cls, name, _checked(cls.__dict__[name], point))

    @abstractmethod
    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map z to x; also return log|det dx/dz|."""

    @abstractmethod
    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x to z; also return log|det dz/dx|."""


def _checked(method: Map, name: str) -> Map:
    """Let the method of a layer refuse a z or x that it cannot map."""

    @wraps(method)
    def check_and_map(
        self: Layer, point: Tensor, *rest: Any, **named: Any
    ) -> tuple[Tensor, Tensor]:
        expect_rows(point, self.dim, type(self).__name__, name)
        try:
            value, log_det = method(self, point, *rest, **named)
        except RuntimeError as error:
            refuse_mixed_dtypes(self, point, name, error)
            raise
        if log_det.shape != point.shape[:1] or value.numel() != point.numel():
            raise ValueError(
                f"{type(self).__name__} maps {name} of shape {tuple(point.shape)} to "
                f"shape {tuple(value.shape)} with log|det| of shape "
                f"{tuple(log_det.shape)}; expected are as many entries, and one "
                f"log|det| a row, ({len(point)},)."
            )
        return value, log_det

    return check_and_map


class Inverse(Layer):
    """The same map the other way round: its `forward` is the layer's `inverse`."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self.layer = layer
        self.dim = layer.dim

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map z by the layer's inverse; also return that map's log|det|."""
        return self.layer.inverse(z)

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x by the layer's forward; also return that map's log|det|."""
        return self.layer.forward(x)


class Flow(Layer):
    """A base density pushed through layers, the first of them next to the base.

    The log-determinants of the layers add up, because the Jacobian of a composition
    is the product of the Jacobians, so

        log p(x) = log base(z) + log|det dz/dx|,    z = inverse(x).

    With the base None it is a stack of layers, for other flows: no density.

    Shapes: z and x (batch, dim); log_prob and log_det (batch,).
    """

    def __init__(self, base: Density | None, layers: Iterable[Layer]) -> None:
        super().__init__()
        self.base = base
        self.layers = nn.ModuleList(layers)
        self.dim = None if base is None else base.dim

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map z to x; also return log|det dx/dz|."""
        log_det = z.new_zeros(len(z))
        for layer in self.layers:
            z, change = layer(z)
            log_det = log_det + change
        return z, log_det

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x to z; also return log|det dz/dx|."""
        log_det = x.new_zeros(len(x))
        for layer in reversed(self.layers):
            x, change = layer.inverse(x)
            log_det = log_det + change
        return x, log_det

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x) in nats, shape (batch,)."""
        self._expect_base("log_prob")
        z, log_det = self.inverse(x)
        if z.shape != (len(x), self.base.dim):
            raise ValueError(
                f"Flow.log_prob expects shape (batch, {self.base.dim}), got "
                f"{tuple(x.shape)}."
            )
        return self.base.log_prob(z) + log_det

    def constant_tensors(self) -> dict[str, Tensor]:
        """Return the numbers of the base, so that no other one takes its weights."""
        own = super().constant_tensors()
        if self.base is None or isinstance(self.base, nn.Module):
            return own
        return own | dict(numbers_of(self.base, "base"))

    @torch.no_grad()
    def sample(self, n: int, seed: int | torch.Generator) -> Tensor:
        """Draw n samples, shape (n, dim), on the device of the flow's parameters."""
        self._expect_base("sample")
        weights = filter(
            torch.is_floating_point, chain(self.parameters(), self.buffers())
        )
        like = next(weights, torch.empty(0))
        noise = as_generator(seed, like.device)
        return self(self.base.sample(n, noise, like.dtype))[0]

    def _expect_base(self, method: str) -> None:
        if self.base is None:
            raise ValueError(
                f"Flow.{method} expects a flow with a base density, got layers without "
                "one: Flow(base, [layers]) gives them one."
            )

    @torch.no_grad()
    def trace(self, z: Tensor) -> list[Tensor]:
        """Return z, its image after each layer, and x at last: len(layers) + 1."""
        steps = [z]
        for layer in self.layers:
            steps.append(layer(steps[-1])[0])
        return steps

    @torch.no_grad()
    def trace_inverse(self, x: Tensor) -> list[Tensor]:
        """Return x, its preimage before each layer from the last on, and z at last."""
        steps = [x]
        for layer in reversed(self.layers):
            steps.append(layer.inverse(steps[-1])[0])
        return steps


def numbers_of(density: Density, prefix: str) -> Iterator[tuple[str, Tensor]]:
    """Yield the numbers that a density was built with, by the path to each."""
    prefix = f"{prefix}.{type(density).__name__}"
    yield f"{prefix}.dim", as_constant(density.dim)
    for name, value in vars(density).items():
        # What a property keeps after its first use is no such number.
        kept = isinstance(getattr(type(density), name, None), cached_property)
        if name != "dim" and not kept:
            yield from _numbers_in(value, f"{prefix}.{name}")


def _numbers_in(value: Any, path: str) -> Iterator[tuple[str, Tensor]]:
    if isinstance(value, Density):
        yield from numbers_of(value, path)
    elif isinstance(value, str):
        yield f"{path}.{value}", as_constant(1)
    elif isinstance(value, int | float | Tensor | np.ndarray | np.generic):
        yield path, as_constant(value)
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _numbers_in(each, f"{path}.{key}")
    elif isinstance(value, Sequence):
        for i, each in enumerate(value):
            yield from _numbers_in(each, f"{path}.{i}")
