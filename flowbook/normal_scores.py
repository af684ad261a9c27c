"""The normal distribution function and its inverse, by logarithms: exact in tails."""

import math
from typing import Any

import torch
from torch import Tensor
from torch.special import erfc, erfcx, ndtri

LOG_2PI = math.log(2 * math.pi)


def log_normal_density(u: Tensor) -> Tensor:
    """Return log phi(u), any shape."""
    return -0.5 * (u.square() + LOG_2PI)


def log_normal_cdf(u: Tensor) -> Tensor:
    """Return log Phi(u), any shape, with derivatives of every order.

    Below 0 it is log(erfcx(-u / sqrt 2) / 2) - u^2 / 2, in which nothing underflows.
    """
    # The branch that `where` drops still has a gradient: keep it finite.
    below, above = u.clamp(max=0), u.clamp(min=0)
    left = (erfcx(-below / math.sqrt(2)) / 2).log() - below.square() / 2
    right = torch.log1p(-erfc(above / math.sqrt(2)) / 2)
    return torch.where(u < 0, left, right)


def log_mills(u: Tensor) -> Tensor:
    """Return log(Phi(u) / phi(u)) for u <= 0, any shape, with all digits.

    Below -100 it is the asymptotic series, so that derivatives keep their digits too.
    """
    # The branch that `where` drops still has a gradient: keep it finite.
    series, near = u.clamp(max=-100), u.clamp(min=-100)
    r = series.reciprocal().square()
    far = torch.log1p(-r * (1 - r * (3 - r * (15 - 105 * r)))) - (-series).log()
    return torch.where(u < -100, far, _mills(near).log())


def normal_score(log_cdf: Tensor, log_rest: Tensor) -> Tensor:
    """Return the z with log Phi(z) = log_cdf and log(1 - Phi(z)) = log_rest.

    The smaller of the two probabilities is used, whose logarithm has all the digits.
    Any shape, the same for all three.
    """
    left = log_cdf < log_rest
    tail = _Quantile.apply(torch.where(left, log_cdf, log_rest))
    return torch.where(left, tail, -tail)


class _Quantile(torch.autograd.Function):
    # The q with log Phi(q) = tail, for q <= 0: dq = dtail Phi(q) / phi(q). The q there
    # is the output itself, so every order is right. Forward mode raises: a rule for it
    # would be silently wrong in torch 2.13 when it is nested.
    generate_vmap_rule = True

    @staticmethod
    def forward(tail: Tensor) -> Tensor:
        return log_quantile(tail)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (q,) = ctx.saved_tensors
        return gradient * _mills(q)


@torch.no_grad()
def log_quantile(tail: Tensor) -> Tensor:
    """Return the q <= 0 with log Phi(q) = tail, for tail <= log(1/2); any shape.

    Newton's method, which the concave log Phi makes converge from the left.
    """
    far = -2 * tail - LOG_2PI
    q = -(far.clamp(min=2) - far.clamp(min=2).log()).sqrt()
    q = torch.where(tail > -5, ndtri(tail.exp()), q)
    for _ in range(5):
        q = q - (log_normal_cdf(q) - tail) * _mills(q)
    return q.clamp(max=0)


def _mills(q: Tensor) -> Tensor:
    # Phi(q) / phi(q), for q <= 0.
    return math.sqrt(math.pi / 2) * erfcx(-q / math.sqrt(2))
