"""Estimators of the gradient of an expectation, one row a sample.

Of E f(z), z ~ N(mean, I), with respect to the mean. Each row is unbiased by itself, so
that the rows' variance is the estimator's variance.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from flowbook.inputs import expect_rows

Function = Callable[[Tensor], Tensor]


def score_function(
    f: Function, mean: Tensor, noise: Tensor, baseline: Tensor | float = 0.0
) -> Tensor:
    """Return (f(z) - baseline) times the score, grad_mean log N(z; mean, I) = noise.

    Also called REINFORCE (Williams, 1992). f needs no derivative. A baseline that does
    not depend on z leaves the expectation alone, because the score has mean zero.
    Shapes: mean (dim,); noise and the result (n, dim); f maps (n, dim) to (n,); the
    baseline is one number, or one a coordinate, (dim,).
    """
    _check_shapes(mean, noise)
    if isinstance(baseline, Tensor) and baseline.shape not in ((), mean.shape):
        raise ValueError(
            "score_function expects a baseline that is one number or of the shape "
            f"{tuple(mean.shape)} of the mean, got {tuple(baseline.shape)}."
        )
    return (_values(f, mean + noise)[:, None] - baseline) * noise


def optimal_baseline(f: Function, mean: Tensor, noise: Tensor) -> Tensor:
    """Return each coordinate's variance-minimising baseline, shape (dim,).

    E[f psi²] / E[psi²] with the score psi = noise (Greensmith et al., 2004), from
    samples: use others than those whose gradient it corrects, or it is biased.
    """
    _check_shapes(mean, noise)
    squared = noise.square()
    return (_values(f, mean + noise)[:, None] * squared).mean(0) / squared.mean(0)


def reparameterised(f: Function, mean: Tensor, noise: Tensor) -> Tensor:
    """Return grad f(mean + noise), the pathwise gradient, shape (n, dim).

    f must be differentiable and must treat rows independently.
    """
    _check_shapes(mean, noise)
    z = (mean + noise).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(_values(f, z).sum(), z)
    return gradient


def _check_shapes(mean: Tensor, noise: Tensor) -> None:
    if mean.ndim != 1:
        raise ValueError(f"expected a mean of shape (dim,), got {tuple(mean.shape)}.")
    expect_rows(noise, len(mean), "the estimator", "noise")


def _values(f: Function, z: Tensor) -> Tensor:
    # A column would broadcast with the samples, to all pairs of them.
    values = f(z)
    if values.shape != z.shape[:1]:
        raise ValueError(
            f"expected f to map {tuple(z.shape)} to ({len(z)},), got "
            f"{tuple(values.shape)}."
        )
    return values
