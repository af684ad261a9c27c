"""Rate, distortion and mutual information, and the linear beta-VAE that is optimal.

A model with a latent pays a rate R = E KL(q(z | x) ‖ p(z)) and has a distortion
D = -E log p(x | z): minus the ELBO is R + D. The beta-VAE lowers D + beta R.
"""

import math

import torch
from torch import Tensor, nn

from flowbook.inputs import (
    as_generator,
    expect_count,
    expect_floating,
    expect_positive,
    expect_rows,
    require,
)
from flowbook.latent import GaussianPosterior
from flowbook.linear_latent import LinearVAE


class BetaELBO:
    """The loss D + beta R of the beta-VAE (Higgins et al., 2017), for `training.fit`.

    Works for every model with `reconstruction` and `posterior`; beta = 1 gives minus
    the ELBO; above it the loss is a looser bound on -log p(x), below it none.
    """

    def __init__(self, beta: float) -> None:
        self.beta = expect_positive(beta, "BetaELBO", "beta")

    def __call__(self, model: nn.Module, x: Tensor) -> Tensor:
        """Return the mean loss of the rows of x in nats, a scalar."""
        rate, distortion = rate_and_distortion(model, x)
        return (distortion + self.beta * rate).mean()


def rate_and_distortion(model: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return KL(q(z | x) ‖ p(z)) and -E log p(x | z) in nats, each of shape (batch,).

    Minus their sum is the ELBO. The expectation is the model's `reconstruction`: exact
    for a linear VAE, one draw of z for another.

    Raises ValueError if the posterior is a flow, whose KL has no closed form.
    """
    if getattr(model, "layers", ()):
        raise ValueError("rate_and_distortion expects a posterior without a flow.")
    return model.posterior(x).kl(), -model.reconstruction(x)


def water_filling(variances: Tensor, level: float) -> tuple[Tensor, Tensor]:
    """Return rate and squared error of every direction, both of shape (dim,).

    Shannon's reverse water-filling (Cover and Thomas, 2006, theorem 10.3.3):

        rate = max(0, log(variance / level) / 2),   error = min(variance, level).

    No code of a Gaussian with these variances has a smaller total error at the same
    total rate, in nats. The best linear beta-VAE is there, at level = beta * sigma².

    Shapes: variances (dim,), none negative.

    Raises:
        ValueError: a variance is negative, or the level not positive.
    """
    level = expect_positive(level, "water_filling", "level")
    _check_variances(variances, "water_filling")
    rates = 0.5 * (variances / level).clamp(min=1).log()
    return rates, variances.clamp(max=level)


def water_level(variances: Tensor, error: float) -> float:
    """Return the level at which the total squared error is `error`.

    Between two neighbouring variances the total is linear in the level, so the answer
    is exact. Shapes: variances (dim,).

    Raises:
        ValueError: the error is not positive, or above the sum of the variances.
    """
    error = expect_positive(error, "water_level", "error")
    _check_variances(variances, "water_level")
    total = variances.sum().item()
    if error > total * (1 + 1e-12):
        raise ValueError(
            f"water_level expects an error of at most the total variance {total:.9g}, "
            f"got {error:.9g}."
        )
    low_first = variances.sort().values
    below = low_first.cumsum(0) - low_first  # of all smaller variances
    above = torch.arange(len(low_first), 0, -1).to(low_first)
    at_each = below + above * low_first  # the total error if this variance is the level
    place = min(int((at_each < error).sum()), len(low_first) - 1)
    return ((error - below[place]) / above[place]).item()


@torch.no_grad()
def best_linear_vae(
    x: Tensor, latent: int, sigma: float, beta: float = 1.0
) -> LinearVAE:
    """Return the linear VAE with the least D + beta R on x, at a fixed sigma.

    With eigenvectors u and eigenvalues l of the covariance, largest first, and the
    level t = beta * sigma², latent j has

        W_j = u_j (l_j - t)^½,   V_j = u_j (l_j - t)^½ / l_j,   d_j² = t / l_j

    if l_j > t, and is collapsed otherwise: W_j = V_j = 0, d_j = 1.

    Shapes: x (n, dim).

    Raises:
        ValueError: x has another shape or too few columns for the latents, or sigma or
            beta is not positive.
    """
    expect_rows(x, None, "best_linear_vae")
    latent = expect_count(latent, "best_linear_vae", 1, "latent")
    if latent > x.shape[1]:
        raise ValueError(
            f"best_linear_vae expects at most {x.shape[1]} latents, got {latent}."
        )
    level = expect_positive(beta, "best_linear_vae", "beta") * sigma**2
    model = LinearVAE(x.mean(0), latent, sigma)
    centred = x - model.mean
    values, vectors = torch.linalg.eigh(centred.T @ centred / len(x))
    values, vectors = values.flip(0)[:latent], vectors.flip(1)[:, :latent]
    heard = values.clamp(min=level)  # a collapsed latent has the variance of the noise
    stretch = (heard - level).sqrt()
    model.weight.copy_(vectors * stretch)
    model.encoder.copy_((vectors * stretch / heard).T)
    model.log_std.copy_(0.5 * (level / heard).log())
    return model


def information_bounds(
    posterior: GaussianPosterior, generator: int | torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Return a lower and an upper bound on I(x; z), from one draw of z for every row.

    With q_i = q(z_i | x_i) and the other rows' densities at the same z_i,

        lower = mean of log(q_i / mean of all n),
        upper = mean of log(q_i / mean of the n - 1 others)

    (van den Oord et al., 2018; Poole et al., 2019). Their expectations over fresh rows
    and draws enclose the mutual information of data and latent. The lower one is never
    above log n. For the n rows themselves, taken as all there is, the expectation of
    `lower` is the information exactly.

    Shapes: the posterior's rows (n, latent); every row's contribution (n,), twice.

    Raises:
        ValueError: there are fewer than two rows.
    """
    count = len(posterior.mean)
    if count < 2:
        raise ValueError(f"information_bounds expects at least two rows, got {count}.")
    if generator is not None:
        generator = as_generator(generator, posterior.mean.device)
    z = posterior.sample(1, generator)[0]
    # Row i, column j: log q(z_i | x_j).
    log_q = posterior.log_prob(z[:, None])
    own = log_q.diagonal()
    alone = torch.eye(count, dtype=torch.bool, device=z.device)
    others = log_q.masked_fill(alone, -math.inf).logsumexp(1) - math.log(count - 1)
    return own - (log_q.logsumexp(1) - math.log(count)), own - others


def _check_variances(variances: Tensor, owner: str) -> None:
    expect_floating(variances, owner, "variances")
    if variances.ndim != 1:
        raise ValueError(
            f"{owner} expects variances of shape (dim,), got {tuple(variances.shape)}."
        )
    require(variances, lambda v: v >= 0, f"{owner} expects variances >= 0")
