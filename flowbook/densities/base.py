"""What a density is: a log-density, a sampler, an entropy; and quadrature on a box."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import Tensor

from flowbook.inputs import as_generator, expect_count, expect_points

Box = tuple[tuple[float, float], ...]

# Grids are evaluated in pieces of this many points, to bound the memory they take.
CHUNK = 1 << 16

# Points a side of the grids of Density.entropy, by dimension.
GRIDS = {
    1: (1 << 10, 1 << 12, 1 << 14, 1 << 16, 1 << 18),
    2: (128, 256, 512, 1024, 2048),
}


class Density(ABC):
    """A density on R^dim that can be evaluated and sampled.

    A new density sets `dim` and `bounds`, and writes `log_prob` and `_draw`:

        class Exponential(Density):
            dim, bounds = 1, ((0.0, 40.0),)

            def log_prob(self, x):
                return torch.where(x >= 0, -x, -torch.inf).squeeze(-1)

            def _draw(self, n, generator, dtype):
                return -torch.log1p(-uniform(generator, dtype, n, 1))

    Its entropy then comes by quadrature, for dim 1 and 2, if the density is smooth on
    `bounds`; a closed form, where there is one, overrides `entropy`.

    `log_prob` of every subclass first refuses what is no point of this dimension:
    broadcasting would give it a density too, and integers would cut off the digits of
    the density's own numbers.

    Shapes: log_prob maps (..., dim) to (...); sample returns (n, dim).

    Raises:
        TypeError: x is no tensor, n no integer, or a seed neither that nor a generator.
        ValueError: x holds no floating-point numbers or has no shape (..., dim), or n
            is negative.
    """

    dim: int
    bounds: Box  # holds the mass but for about 1e-8: for quadrature

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "log_prob" in cls.__dict__:
            cls.log_prob = _checked(cls.__dict__["log_prob"])

    @property
    def view(self) -> Box:
        """The box that a plot shows; smaller than `bounds` where tails are long."""
        return self.bounds

    @abstractmethod
    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x) in nats, -inf outside the support.

        Shapes: (..., dim) to (...); the dtype and the device are those of x.
        """

    @abstractmethod
    def _draw(self, n: int, generator: torch.Generator, dtype: torch.dtype) -> Tensor:
        """Draw n samples, shape (n, dim), with this generator and on its device."""

    @torch.no_grad()
    def sample(
        self, n: int, seed: int | torch.Generator, dtype: torch.dtype | None = None
    ) -> Tensor:
        """Draw n independent samples, shape (n, dim), on the generator's device.

        An int seeds a new generator on torch's default device, so that the same int
        gives the same samples; a generator is advanced. The dtype is torch's default
        one if none is given.
        """
        n = expect_count(n, f"{type(self).__name__}.sample")
        dtype = dtype or torch.get_default_dtype()
        if not dtype.is_floating_point:
            raise ValueError(f"Samples have a floating-point dtype, got {dtype}.")
        return self._draw(n, as_generator(seed), dtype)

    @torch.no_grad()
    def entropy(self) -> float:
        """Return the entropy -E[log p(x)] in nats.

        This is the midpoint rule on `bounds`, in float64, on finer and finer grids
        until two agree to 1e-7. The rule converges faster than any power of the
        spacing for a smooth density that vanishes at the bounds.

        Raises ArithmeticError if the grids do not agree or the mass is not 1.
        """
        if self.dim > 2:
            raise NotImplementedError(
                f"quadrature serves 1 and 2 dimensions, got {self.dim}: "
                "write entropy() for this density"
            )
        previous = torch.full((2,), torch.nan, dtype=torch.float64)
        for points in GRIDS[self.dim]:
            value = integrate(self._mass_and_surprise, self.bounds, points)
            if (value - previous).abs().max() < 1e-7:
                break
            previous = value
        else:
            raise ArithmeticError(f"{type(self).__name__}: quadrature did not converge")
        mass, entropy = value.tolist()
        if abs(mass - 1) > 1e-6:
            raise ArithmeticError(
                f"{type(self).__name__} should have mass 1 on its bounds, "
                f"got {mass:.6f}"
            )
        return entropy

    def _mass_and_surprise(self, x: Tensor) -> Tensor:
        log_prob = self.log_prob(x)
        mass = log_prob.exp()
        # 0 log 0 has the limit 0, where 0 · -inf would be NaN.
        surprise = torch.where(mass > 0, -mass * log_prob, 0)
        return torch.stack([mass, surprise])


def _checked(log_prob: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Let `log_prob` refuse what is no point of the space, and results for pairs."""

    @wraps(log_prob)
    def check_and_evaluate(
        self: Density, x: Tensor, *rest: Any, **named: Any
    ) -> Tensor:
        expect_points(x, self.dim, f"{type(self).__name__}.log_prob")
        found = log_prob(self, x, *rest, **named)
        if found.shape != x.shape[:-1]:
            raise ValueError(
                f"{type(self).__name__}.log_prob gives shape {tuple(found.shape)} for "
                f"x of shape {tuple(x.shape)}; expected is one number a point, "
                f"{tuple(x.shape[:-1])}."
            )
        return found

    return check_and_evaluate


def supported(inside: Tensor, log_prob: Tensor | float, x: Tensor) -> Tensor:
    """Return log_prob inside the support, -inf outside, and NaN where x is NaN.

    The gradient with respect to x outside is 0; a constant log_prob has the gradient
    0 inside too, where a graph without x would refuse to be differentiated.

    Shapes: inside and log_prob (...); x (..., dim).
    """
    rows = x.sum(-1)
    outside = torch.where(rows.isnan(), rows, -torch.inf)
    # The value that `where` drops still has a gradient: keep it finite.
    constant = 0 * torch.where(inside, rows, 0)
    return torch.where(inside, log_prob + constant, outside)


def midpoints(
    bounds: Box, points: int, dtype: torch.dtype | None = None
) -> tuple[Tensor, float]:
    """Cut a box into points^dim equal cells; return their centres and their volume.

    Shapes: the centres are (points ** dim, dim); the last dimension varies fastest.
    """
    dtype = dtype or torch.get_default_dtype()
    unit = (torch.arange(points, dtype=dtype) + 0.5) / points
    axes = [low + (high - low) * unit for low, high in bounds]
    volume = 1.0
    for low, high in bounds:
        volume *= (high - low) / points
    return torch.cartesian_prod(*axes).reshape(-1, len(bounds)), volume


def integrate(function: Callable[[Tensor], Tensor], bounds: Box, points: int) -> Tensor:
    """Integrate a function over a box by the midpoint rule, in float64.

    The function maps (n, dim) to (..., n); the result has shape (...).
    """
    centres, volume = midpoints(bounds, points, torch.float64)
    return sum(function(part).sum(-1) for part in centres.split(CHUNK)) * volume


def normal(generator: torch.Generator, dtype: torch.dtype, *shape: int) -> Tensor:
    """Draw standard normal numbers on the generator's device."""
    return torch.randn(shape, generator=generator, dtype=dtype, device=generator.device)


def pick(weights: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """Draw n of the numbers 0 to K - 1 with these K weights, shape (n,)."""
    if n == 0:  # which torch.multinomial refuses
        return torch.empty(0, dtype=torch.long, device=weights.device)
    return torch.multinomial(weights, n, replacement=True, generator=generator)


def uniform(generator: torch.Generator, dtype: torch.dtype, *shape: int) -> Tensor:
    """Draw numbers uniform on [0, 1) on the generator's device."""
    return torch.rand(shape, generator=generator, dtype=dtype, device=generator.device)
