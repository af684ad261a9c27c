"""log|det(I + J)| of a residual map, J = dg/dz: exact, by a series, by roulette.

For a contraction g, with all tr J^k estimated by Hutchinson's trick from v^T J^k v,

    log|det(I + J)| = tr log(I + J) = sum over k >= 1 of (-1)^{k+1} tr(J^k) / k.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import vjp, vmap

from flowbook.inputs import as_generator, expect_count

Probe = Callable[[Tensor, torch.Generator], Tensor]
"""(like, generator) -> random v, shaped as `like`, with E[v v^T] = I."""


def gaussian_probe(like: Tensor, generator: torch.Generator) -> Tensor:
    """Return standard normal entries: variance 2 |S|^2 for the symmetric part S of J.

    |S|^2 is the sum of the squared entries (Hutchinson, 1990).
    """
    noise = torch.randn(like.shape, generator=generator, device=generator.device)
    return noise.to(like)


def rademacher_probe(like: Tensor, generator: torch.Generator) -> Tensor:
    """Return random signs: variance 2 (|S|^2 - sum of S_ii^2), never the larger one."""
    signs = torch.randint(2, like.shape, generator=generator, device=generator.device)
    return (2 * signs - 1).to(like)


class ExactLogDet:
    """The log-determinant of the whole Jacobian: O(n^3) a row of n numbers, so for few.

    Called with g and z (batch, ...); returns (batch,).
    """

    def __call__(self, g: Callable[[Tensor], Tensor], z: Tensor) -> Tensor:
        """Return log|det(I + dg/dz)| of every row."""
        shape = z.shape[1:]
        identity = torch.eye(math.prod(shape), dtype=z.dtype, device=z.device)
        # Not jacrev, which torch 2.13 derives wrongly by `torch.func.linearize`.
        _, transpose = vjp(g, z)

        def row_of_jacobian(unit: Tensor) -> Tensor:
            return transpose(unit.view(shape).expand_as(z))[0].flatten(1)

        jacobian = vmap(row_of_jacobian, out_dims=1)(identity)
        # Not slogdet: torch 2.13 derives it wrongly a second time in forward mode.
        factors = torch.linalg.lu_factor_ex(identity + jacobian).LU
        return factors.diagonal(dim1=-2, dim2=-1).abs().log().sum(-1)


class SeriesLogDet:
    """The first `terms` of the power series (Behrmann et al., 2019).

    Cutting the series off costs a bias of at most, for a Lipschitz constant beta < 1,

        dim * beta^{n+1} / ((n + 1) (1 - beta)),    n = terms.

    Each call draws one probe v for every row from the generator that `seed` starts.

    Called with g and z (batch, ...); returns (batch,).
    """

    def __init__(self, terms: int, seed: int, probe: Probe = rademacher_probe) -> None:
        self.terms = expect_count(terms, "SeriesLogDet", 1, "terms")
        self.probe = probe
        self.generator = _generator(seed)

    def __call__(self, g: Callable[[Tensor], Tensor], z: Tensor) -> Tensor:
        """Return an estimate of log|det(I + dg/dz)| of every row."""
        weights = [1.0] * self.terms
        return _series(g, z, self.probe(z, self.generator), weights)


class RouletteLogDet:
    """The whole power series without bias (Chen et al., 2019).

    The number of terms N is random: `always` terms, and after each further one the
    series goes on with probability `go_on`. A term is divided by the probability
    P(N >= k) of being reached, which makes the expectation that of the whole series.
    The variance is finite where go_on > beta^2.

    All rows of a call share N, so that their errors go up and down together: a mean
    over a batch is unbiased too, but more rows make it hardly more exact. More calls
    do.

    Called with g and z (batch, ...); returns (batch,).
    """

    def __init__(
        self,
        seed: int,
        always: int = 2,
        go_on: float = 0.5,
        probe: Probe = rademacher_probe,
    ) -> None:
        if not 0 <= go_on < 1:
            raise ValueError(f"RouletteLogDet expects 0 <= go_on < 1, got {go_on}.")
        self.always = expect_count(always, "RouletteLogDet", 0, "always")
        self.go_on, self.probe = go_on, probe
        self.generator = _generator(seed)

    def __call__(self, g: Callable[[Tensor], Tensor], z: Tensor) -> Tensor:
        """Return an unbiased estimate of log|det(I + dg/dz)| of every row."""
        weights = [1.0] * self.always
        reached = 1.0
        while self._uniform() < self.go_on:
            reached *= self.go_on
            weights.append(1 / reached)
        return _series(g, z, self.probe(z, self.generator), weights)

    def _uniform(self) -> float:
        device = self.generator.device
        return torch.rand((), generator=self.generator, device=device).item()


def _series(
    g: Callable[[Tensor], Tensor], z: Tensor, probe: Tensor, weights: list[float]
) -> Tensor:
    # One vector-Jacobian product a term: v^T J^k = (v^T J^{k-1}) J.
    _, transpose = vjp(g, z)
    power, total = probe, z.new_zeros(len(z))
    for k, weight in enumerate(weights, start=1):
        (power,) = transpose(power)
        trace = (power * probe).flatten(1).sum(1)
        total = total + (-1) ** (k + 1) * weight / k * trace
    return total


def _generator(seed: int) -> torch.Generator:
    return as_generator(seed)
