"""Latent-variable models: encoder, decoder, the ELBO and tighter bounds."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from flowbook.constants import Constants
from flowbook.flow import Layer
from flowbook.inputs import (
    as_generator,
    expect_count,
    expect_finite,
    expect_points,
    expect_rows,
    one_dtype,
)
from flowbook.likelihoods import Likelihood, normal_log_prob
from flowbook.nets import mlp


def standard_normal_log_prob(z: Tensor) -> Tensor:
    """Return log N(z; 0, I) in nats, summed over the last axis."""
    return normal_log_prob(z, torch.zeros_like(z), z.new_zeros(())).sum(-1)


@dataclass
class GaussianPosterior:
    """q(z | x) = N(mean, diag exp(log_std)²), one row for every x.

    Shapes: mean and log_std (batch, latent).
    """

    mean: Tensor
    log_std: Tensor

    def sample(self, n: int, generator: int | torch.Generator | None = None) -> Tensor:
        """Draw n reparameterised samples of every row, shape (n, batch, latent).

        They come from torch's own generator if none is given; an int seeds a new one.
        """
        n = expect_count(n, "GaussianPosterior.sample")
        if generator is not None:
            generator = as_generator(generator, self.mean.device)
        noise = self.mean.new_empty(n, *self.mean.shape).normal_(generator=generator)
        return self.mean + self.log_std.exp() * noise

    def log_prob(self, z: Tensor) -> Tensor:
        """Return log q(z | x) in nats; z (..., batch, latent) gives (..., batch)."""
        expect_points(z, self.mean.shape[-1], "GaussianPosterior.log_prob", "z")
        return normal_log_prob(z, self.mean, self.log_std).sum(-1)

    def kl(self) -> Tensor:
        """Return KL(q ‖ prior) to the prior N(0, I) in nats, shape (batch,).

        One half of sum(mean² + std² - 1 - log std²) (Kingma and Welling, 2014).
        """
        excess = self.mean.square() + (2 * self.log_std).expm1() - 2 * self.log_std
        return 0.5 * excess.sum(-1)


class VAE(Constants):
    """A variational autoencoder (Kingma and Welling, 2014) with the prior N(0, I).

        ELBO(x) = E_q[log p(x | z)] - KL(q(z | x) ‖ prior)  <=  log p(x).

    The encoder sees (x - shift) / scale. `layers` after the Gaussian make a flow
    posterior z = layers(z0), whose log-density is log q0(z0) minus the log-determinants
    (Rezende and Mohamed, 2015); its KL has no closed form and is sampled.

    Shapes: x (batch, dim); z (..., batch, latent); every bound (batch,).

    Raises:
        ValueError: x is no floating-point tensor of that shape, or the scale is 0.
    """

    constants = ("shift", "scale")

    def __init__(
        self,
        dim: int,
        latent: int,
        likelihood: Likelihood,
        hidden: int = 128,
        shift: float = 0.0,
        scale: float = 1.0,
        layers: Iterable[Layer] = (),
    ) -> None:
        super().__init__()
        expect_finite(shift, "VAE", "shift")
        if not expect_finite(scale, "VAE", "scale"):
            raise ValueError(f"VAE divides by its scale, got {scale}.")
        self.dim, self.latent, self.likelihood = dim, latent, likelihood
        self.shift, self.scale = shift, scale
        self.encoder = mlp(dim, hidden, 2 * latent)
        self.decoder = mlp(latent, hidden, likelihood.numbers * dim)
        self.layers = nn.ModuleList(layers)

    def posterior(self, x: Tensor) -> GaussianPosterior:
        """Return the encoder's Gaussian, before any flow layer."""
        expect_rows(x, self.dim, "VAE")
        with one_dtype(self, x):
            numbers = self.encoder((x - self.shift) / self.scale)
        return GaussianPosterior(*numbers.chunk(2, dim=-1))

    def sample_posterior(
        self, x: Tensor, n: int, generator: int | torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Draw z (n, batch, latent) from q(z | x); also return log q(z | x)."""
        gaussian = self.posterior(x)
        z = gaussian.sample(n, generator)
        log_q = gaussian.log_prob(z)
        for layer in self.layers:
            flat, log_det = layer(z.flatten(0, 1))
            z, log_q = flat.view_as(z), log_q - log_det.view_as(log_q)
        return z, log_q

    def log_weights(
        self, x: Tensor, n: int, generator: int | torch.Generator | None = None
    ) -> Tensor:
        """Return log p(x, z) - log q(z | x) of n draws of z, shape (n, batch)."""
        z, log_q = self.sample_posterior(x, n, generator)
        log_joint = self.likelihood(x, self.decoder(z)) + standard_normal_log_prob(z)
        return log_joint - log_q

    def elbo(self, x: Tensor, generator: int | torch.Generator | None = None) -> Tensor:
        """Return the ELBO in nats from one draw of z, with the analytic KL."""
        if self.layers:
            raise ValueError("a flow posterior has no analytic KL: use elbo_sampled")
        gaussian = self.posterior(x)
        parameters = self.decoder(gaussian.sample(1, generator))[0]
        return self.likelihood(x, parameters) - gaussian.kl()

    def reconstruction(
        self, x: Tensor, generator: int | torch.Generator | None = None
    ) -> Tensor:
        """Return log p(x | z) in nats of one draw of z from q(z | x)."""
        z, _ = self.sample_posterior(x, 1, generator)
        return self.likelihood(x, self.decoder(z)[0])

    def elbo_sampled(
        self, x: Tensor, n: int = 1, generator: int | torch.Generator | None = None
    ) -> Tensor:
        """Return the ELBO in nats as the mean log-weight of n draws of z."""
        n = expect_count(n, "VAE.elbo_sampled", least=1)
        return self.log_weights(x, n, generator).mean(0)

    def importance_weighted(
        self, x: Tensor, n: int, generator: int | torch.Generator | None = None
    ) -> Tensor:
        """Return the importance-weighted bound (Burda et al., 2016) of n draws, nats.

        log of the mean weight: its expectation grows with n towards log p(x).
        """
        n = expect_count(n, "VAE.importance_weighted", least=1)
        return self.log_weights(x, n, generator).logsumexp(0) - math.log(n)

    @torch.no_grad()
    def sample(self, n: int, seed: int | torch.Generator) -> Tensor:
        """Draw n images x from the prior and the decoder, shape (n, dim).

        An int seeds a new generator on the model's device; a generator is advanced.
        """
        like = next(self.parameters())
        generator = as_generator(seed, like.device)
        z = like.new_empty(expect_count(n, "VAE.sample"), self.latent)
        z.normal_(generator=generator)
        return self.likelihood.sample(self.decoder(z), generator)


def negative_elbo(model: VAE, x: Tensor) -> Tensor:
    """Return minus the mean ELBO of a batch: the loss that `training.fit` lowers."""
    return -(model.elbo_sampled(x) if model.layers else model.elbo(x)).mean()
