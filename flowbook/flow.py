"""The contract of a layer, and the flow that a base density and layers make."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from itertools import chain

import torch
from torch import Tensor, nn

from flowbook.densities import Density


class Layer(nn.Module, ABC):
    """An invertible map with a tractable Jacobian determinant.

    `forward` is the generative map z -> x, `inverse` the normalising map x -> z.
    Each returns its value and the log|det| of the map just applied.

    Shapes: z and x (batch, dim); log_det (batch,).
    """

    @abstractmethod
    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map z to x; also return log|det dx/dz|."""

    @abstractmethod
    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x to z; also return log|det dz/dx|."""


class Inverse(Layer):
    """The same map the other way round: its `forward` is the layer's `inverse`."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self.layer = layer

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

    Shapes: z and x (batch, dim); log_prob and log_det (batch,).
    """

    def __init__(self, base: Density, layers: Iterable[Layer]) -> None:
        super().__init__()
        self.base = base
        self.layers = nn.ModuleList(layers)

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
        z, log_det = self.inverse(x)
        if z.shape != (len(x), self.base.dim):
            raise ValueError(
                f"Flow.log_prob expects shape (batch, {self.base.dim}), got "
                f"{tuple(x.shape)}."
            )
        return self.base.log_prob(z) + log_det

    @torch.no_grad()
    def sample(self, n: int, seed: int | torch.Generator) -> Tensor:
        """Draw n samples, shape (n, dim), on the device of the flow's parameters."""
        weights = filter(
            torch.is_floating_point, chain(self.parameters(), self.buffers())
        )
        like = next(weights, torch.empty(0))
        if not isinstance(seed, torch.Generator):
            seed = torch.Generator(like.device).manual_seed(seed)
        return self(self.base.sample(n, seed, like.dtype))[0]

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
