"""Densities whose log-density, sampler and entropy are known: the zoo of the book."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor


class Density(ABC):
    """A density on R^dim that can be evaluated and sampled.

    Shapes: log_prob maps (..., dim) to (...); sample returns (n, dim).
    """

    dim: int
    bounds: tuple[tuple[float, float], ...]

    @abstractmethod
    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x) in nats, -inf outside the support."""

    @abstractmethod
    def sample(
        self, n: int, seed: int | torch.Generator, dtype: torch.dtype | None = None
    ) -> Tensor:
        """Draw n samples, shape (n, dim), on the generator's device."""
