"""Tighter bounds: the exact value of L_K, and gradients that train an encoder on it.

L_K(x) = E log(1/K sum_k w_k), the importance-weighted bound (Burda et al., 2016), with
weights w = p(x, z) / q(z | x) of K independent draws of z from q.

The first half needs the distribution of one weight, as nodes and probabilities, and
gives the value and the gradient's noise without sampling. The second half samples.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from flowbook.importance import log_mean_weight
from flowbook.inputs import expect_count, require
from flowbook.latent import VAE, GaussianPosterior, standard_normal_log_prob

STEP = 0.2  # of log t; the trapezium's error falls like exp(-pi² / STEP)
LEAST = -40.0  # log t below which nothing is left to add


def expected_log_mean(log_weights: Tensor, probs: Tensor, count: int) -> Tensor:
    """Return E log of the mean of `count` independent weights, exactly.

    A weight is exp(log_weights[i]) with probability probs[i]. For a sum S of positive
    numbers, log S is the integral of (exp(-t) - exp(-t S)) dt / t from 0 to infinity
    (Frullani), and M(t) = E exp(-t w) makes E exp(-t S) = M(t)^K. So

        E log S = integral of (exp(-t) - M(t)^K) dt / t,

    one integral whatever K is. It is taken in log t by the trapezium rule, on weights
    divided by their mean. Differentiable in the weights.

    Shapes: log_weights and probs (n,), from a quadrature over z or from an enumeration;
    the result is a scalar. In float64 good to about 1e-10.

    Raises:
        ValueError: the shapes differ, or the probabilities do not sum to 1.
    """
    count = expect_count(count, "expected_log_mean", 1, "count")
    log_r, log_scale, probs = _relative(log_weights, probs)
    t = _times(log_r, probs)
    laplace = torch.exp(-t[:, None] * log_r.exp()) @ probs
    log_sum = STEP * ((-t).exp() - laplace.pow(count)).sum()
    return log_sum - math.log(count) + log_scale


def ratio_moments(
    log_weights: Tensor, probs: Tensor, values: Tensor, count: int, power: int = 1
) -> tuple[Tensor, Tensor]:
    """Return mean and variance of sum_k (w_k / S)^power v_k, S = sum_k w_k, exactly.

    That is what gradients of L_K look like: with power 1 the plain one, with power 2
    the doubly reparameterised one. As 1 / S^a = integral of t^(a-1) exp(-t S) dt over
    Gamma(a), both moments are one integral each, over E w^a v exp(-t w) and M(t).

    Shapes: log_weights, probs and values (n,); two scalars.
    """
    count = expect_count(count, "ratio_moments", 1, "count")
    power = expect_count(power, "ratio_moments", 1, "power")
    log_r, _, probs = _relative(log_weights, probs)
    t = _times(log_r, probs)
    r = log_r.exp()
    kernel = torch.exp(-t[:, None] * r)
    laplace = kernel @ probs
    once = kernel @ (probs * r**power * values)
    twice = kernel @ (probs * r ** (2 * power) * values.square())
    mean = count * once * laplace.pow(count - 1)
    square = count * twice * laplace.pow(count - 1)
    if count > 1:
        square = square + count * (count - 1) * once**2 * laplace.pow(count - 2)
    first = STEP * (t**power * mean).sum() / math.gamma(power)
    second = STEP * (t ** (2 * power) * square).sum() / math.gamma(2 * power)
    return first, second - first.square()


def _relative(log_weights: Tensor, probs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return log w less the logarithm of its mean, that logarithm, and the probs."""
    if log_weights.shape != probs.shape or log_weights.ndim != 1:
        raise ValueError(
            "expected a probability for every weight, both of shape (n,), got "
            f"{tuple(log_weights.shape)} and {tuple(probs.shape)}."
        )
    total = probs.sum()
    require(
        total,
        lambda value: (value - 1).abs() < 1e-5,
        "expected probabilities that sum to 1",
    )
    probs = probs / total  # what a quadrature leaves, some 1e-12, would add up in t
    log_mean = (log_weights + probs.log()).logsumexp(0)
    return log_weights - log_mean, log_mean, probs


def _times(log_r: Tensor, probs: Tensor) -> Tensor:
    """Return the nodes t: up to where the least weight that occurs has died away."""
    least = log_r.detach()[probs > torch.finfo(probs.dtype).eps].min().item()
    steps = math.ceil((5.0 - min(least, 0.0) - LEAST) / STEP)
    return (LEAST + STEP * torch.arange(steps, device=log_r.device).to(log_r)).exp()


def score_free(
    model: VAE, x: Tensor, n: int, generator: torch.Generator | None = None
) -> Tensor:
    """Return IWAE-n whose gradient in the encoder leaves the score of q out.

    "Sticking the landing" (Roeder et al., 2017): log q(z) is differentiated through z
    alone. For n = 1 that is unbiased, and without noise where q is the posterior. For
    n > 1 it is biased: the score's mean under the *weights* is not zero. The decoder's
    gradient is the usual one. Shapes: x (batch, dim) to (batch,), in nats.
    """
    log_weights, _ = _path_log_weights(model, x, n, generator)
    return log_mean_weight(log_weights)


def doubly_reparameterised(
    model: VAE, x: Tensor, n: int, generator: torch.Generator | None = None
) -> Tensor:
    """Return IWAE-n with the doubly reparameterised gradient in the encoder.

    Its gradient is sum_k v_k² (d log w_k / d z_k) (d z_k / d phi) with the normalised
    weights v (Tucker et al., 2019): unbiased for every n, and its signal-to-noise ratio
    grows with n. The decoder's gradient is the usual one, with v.
    Shapes: x (batch, dim) to (batch,), in nats.
    """
    log_weights, z = _path_log_weights(model, x, n, generator)
    normalised = log_weights.detach().softmax(0)[..., None]
    if z.requires_grad:
        # What arrives at z has one factor v from the logarithm of the mean already.
        z.register_hook(lambda gradient: gradient * normalised)
    return log_mean_weight(log_weights)


def reweighted_wake(
    model: VAE, x: Tensor, n: int, generator: torch.Generator | None = None
) -> Tensor:
    """Return IWAE-n whose gradient in the encoder lowers KL(posterior ‖ q).

    Reweighted wake-sleep (Bornschein and Bengio, 2015): the decoder gets the gradient
    of IWAE-n, the encoder that of sum_k v_k log q(z_k) at draws that are held fixed.
    Self-normalised, so biased of order 1/n; needs no derivative of the decoder.
    Shapes: x (batch, dim) to (batch,), in nats.
    """
    n = expect_count(n, "an importance-weighted bound", least=1)
    with torch.no_grad():
        z, _ = model.sample_posterior(x, n, generator)
    log_q = _log_q(model, model.posterior(x), z)
    log_weights = _log_joint(model, x, z) - log_q.detach()
    wake = (log_weights.detach().softmax(0) * log_q).sum(0)
    return log_mean_weight(log_weights) + wake - wake.detach()


def _path_log_weights(
    model: VAE, x: Tensor, n: int, generator: torch.Generator | None
) -> tuple[Tensor, Tensor]:
    """Return log w (n, batch) whose log q sees the encoder through z alone, and z."""
    n = expect_count(n, "an importance-weighted bound", least=1)
    z, _ = model.sample_posterior(x, n, generator)
    with _held(model.layers):
        gaussian = model.posterior(x)
        still = GaussianPosterior(gaussian.mean.detach(), gaussian.log_std.detach())
        log_q = _log_q(model, still, z)
    return _log_joint(model, x, z) - log_q, z


def _log_joint(model: VAE, x: Tensor, z: Tensor) -> Tensor:
    return model.likelihood(x, model.decoder(z)) + standard_normal_log_prob(z)


def _log_q(model: VAE, gaussian: GaussianPosterior, z: Tensor) -> Tensor:
    """Return log q(z | x), through the inverses of the flow's layers."""
    flat, log_det = z.flatten(0, 1), z.new_zeros(z.shape[:-1])
    for layer in reversed(model.layers):
        flat, each = layer.inverse(flat)
        log_det = log_det + each.view_as(log_det)
    return gaussian.log_prob(flat.view_as(z)) + log_det


@contextmanager
def _held(module: nn.Module) -> Iterator[None]:
    """Leave the module's parameters out of the graph, as if they were constants."""
    trained = [p for p in module.parameters() if p.requires_grad]
    for parameter in trained:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trained:
            parameter.requires_grad_(True)
