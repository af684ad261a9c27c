"""Priors that are not N(0, I): two levels of latents, and mixtures."""

import torch
from torch import Tensor, nn

from flowbook.constants import Constants
from flowbook.densities.base import pick
from flowbook.importance import log_mean_weight
from flowbook.inputs import (
    as_generator,
    expect_count,
    expect_finite,
    expect_points,
    expect_rows,
    one_dtype,
)
from flowbook.latent import GaussianPosterior, standard_normal_log_prob
from flowbook.likelihoods import Likelihood, normal_log_prob
from flowbook.nets import mlp


def residual_normal(
    prior: GaussianPosterior, change: GaussianPosterior
) -> GaussianPosterior:
    """Return q = N(mean + shift, (std scale)²) on top of a prior N(mean, std²).

    `change` holds the shift and log scale that an encoder adds (NVAE, Vahdat and Kautz,
    2020): at zero q is the prior, and if the prior is N(0, I) q is a plain VAE's.
    Shapes: all numbers (..., latent).
    """
    return GaussianPosterior(prior.mean + change.mean, prior.log_std + change.log_std)


def residual_kl(prior: GaussianPosterior, change: GaussianPosterior) -> Tensor:
    """Return KL(q ‖ prior) of the residual normal in nats, (..., latent) to (...).

    One half of sum(shift² / std² + scale² - 1 - log scale²): the prior's mean is not in
    it.
    """
    relative = change.mean * (-prior.log_std).exp()
    excess = relative.square() + (2 * change.log_std).expm1() - 2 * change.log_std
    return 0.5 * excess.sum(-1)


class MixturePrior(nn.Module):
    """A mixture of Gaussians with diagonal covariances, as the prior of a latent.

    Shapes: means and log_std (K, latent), logits (K,); z (..., latent) to (...).
    """

    def __init__(self, means: Tensor, log_std: Tensor, logits: Tensor) -> None:
        super().__init__()
        expect_rows(means, None, "MixturePrior", "means")
        if log_std.shape != means.shape or logits.shape != means.shape[:1]:
            raise ValueError(
                "MixturePrior expects log_std of the means' shape, and as many logits, "
                f"got {tuple(means.shape)}, {tuple(log_std.shape)} and "
                f"{tuple(logits.shape)}."
            )
        self.means = nn.Parameter(means.clone())
        self.log_std = nn.Parameter(log_std.clone())
        self.logits = nn.Parameter(logits.clone())

    @classmethod
    def aggregate(cls, posterior: GaussianPosterior) -> "MixturePrior":
        """Return the mean of q(z | x) over the rows: the best prior for these rows."""
        mean, log_std = posterior.mean.detach(), posterior.log_std.detach()
        return cls(mean, log_std, mean.new_zeros(len(mean)))

    def log_prob(self, z: Tensor) -> Tensor:
        """Return log p(z) in nats."""
        expect_points(z, self.means.shape[1], "MixturePrior", "z")
        parts = normal_log_prob(z[..., None, :], self.means, self.log_std).sum(-1)
        return (parts + self.logits.log_softmax(0)).logsumexp(-1)

    @torch.no_grad()
    def sample(self, n: int, seed: int | torch.Generator) -> Tensor:
        """Draw z (n, latent). An int seeds a new generator on the model's device."""
        n = expect_count(n, "MixturePrior.sample")
        generator = as_generator(seed, self.means.device)
        k = pick(self.logits.softmax(0), n, generator)
        noise = torch.empty_like(self.means[k]).normal_(generator=generator)
        return self.means[k] + self.log_std[k].exp() * noise


class TwoLevelVAE(Constants):
    """A VAE with two levels of latents (Sønderby et al., 2016; Vahdat and Kautz, 2020).

        p(top) = N(0, I),  p(z | top) = N(mean(top), std(top)²),  p(x | top, z),
        q(top | x),  q(z | top, x) a residual normal on p(z | top).

    The model draws top first, then z, which so has a learned prior with dependences.
    The encoder sees (x - shift) / scale.

    Shapes: x (batch, dim); top (..., batch, top); z (..., batch, latent); bounds
    (batch,).
    """

    constants = ("shift", "scale")

    def __init__(
        self,
        dim: int,
        latent: int,
        top: int,
        likelihood: Likelihood,
        hidden: int = 128,
        shift: float = 0.0,
        scale: float = 1.0,
    ) -> None:
        super().__init__()
        expect_finite(shift, "TwoLevelVAE", "shift")
        if not expect_finite(scale, "TwoLevelVAE", "scale"):
            raise ValueError(f"TwoLevelVAE divides by its scale, got {scale}.")
        self.dim, self.latent, self.top = dim, latent, top
        self.likelihood, self.shift, self.scale = likelihood, shift, scale
        self.features = nn.Sequential(mlp(dim, hidden, hidden, depth=1), nn.ReLU())
        self.to_top = nn.Linear(hidden, 2 * top)
        self.to_change = mlp(
            hidden + top, hidden, 2 * latent, depth=1, zero_output=True
        )
        self.prior_net = mlp(top, hidden, 2 * latent, depth=1, zero_output=True)
        self.decoder = mlp(top + latent, hidden, likelihood.numbers * dim)

    def prior(self, top: Tensor) -> GaussianPosterior:
        """Return p(z | top)."""
        return GaussianPosterior(*self.prior_net(top).chunk(2, dim=-1))

    def _draw(
        self, x: Tensor, n: int, generator: int | torch.Generator | None
    ) -> tuple[GaussianPosterior, Tensor, GaussianPosterior, GaussianPosterior, Tensor]:
        """Return q(top), a draw of it, p(z | top), the change, and a draw of z."""
        expect_rows(x, self.dim, "TwoLevelVAE")
        if generator is not None:  # a seed, taken twice, would draw the same noise
            generator = as_generator(generator, x.device)
        with one_dtype(self, x):
            features = self.features((x - self.shift) / self.scale)
        of_top = GaussianPosterior(*self.to_top(features).chunk(2, dim=-1))
        top = of_top.sample(n, generator)
        both = torch.cat((features.expand(n, *features.shape), top), -1)
        change = GaussianPosterior(*self.to_change(both).chunk(2, dim=-1))
        prior = self.prior(top)
        z = residual_normal(prior, change).sample(1, generator)[0]
        return of_top, top, prior, change, z

    def terms(
        self, x: Tensor, n: int = 1, generator: int | torch.Generator | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return reconstruction, KL of the top and KL of z, each (batch,), in nats.

        The ELBO is the first less the two others. The first and the third are means
        over n draws; given the top, the KL of z is exact.
        """
        n = expect_count(n, "TwoLevelVAE.terms", least=1)
        of_top, top, prior, change, z = self._draw(x, n, generator)
        log_likelihood = self.likelihood(x, self.decoder(torch.cat((top, z), -1)))
        return log_likelihood.mean(0), of_top.kl(), residual_kl(prior, change).mean(0)

    def elbo(
        self, x: Tensor, n: int = 1, generator: int | torch.Generator | None = None
    ) -> Tensor:
        """Return the ELBO in nats."""
        reconstruction, kl_top, kl = self.terms(x, n, generator)
        return reconstruction - kl_top - kl

    def log_weights(
        self, x: Tensor, n: int, generator: int | torch.Generator | None = None
    ) -> Tensor:
        """Return log p(x, top, z) - log q(top, z | x) of n draws, shape (n, batch)."""
        n = expect_count(n, "TwoLevelVAE.log_weights", least=1)
        of_top, top, prior, change, z = self._draw(x, n, generator)
        log_joint = (
            self.likelihood(x, self.decoder(torch.cat((top, z), -1)))
            + standard_normal_log_prob(top)
            + prior.log_prob(z)
        )
        log_q = of_top.log_prob(top) + residual_normal(prior, change).log_prob(z)
        return log_joint - log_q

    def importance_weighted(
        self, x: Tensor, n: int, generator: int | torch.Generator | None = None
    ) -> Tensor:
        """Return the importance-weighted bound of n draws in nats, shape (batch,)."""
        return log_mean_weight(self.log_weights(x, n, generator))

    @torch.no_grad()
    def sample(self, n: int, seed: int | torch.Generator) -> Tensor:
        """Draw x (n, dim): the top, then z, then x."""
        like = next(self.parameters())
        generator = as_generator(seed, like.device)
        top = like.new_empty(expect_count(n, "TwoLevelVAE.sample"), self.top)
        top.normal_(generator=generator)
        z = self.prior(top).sample(1, generator)[0]
        return self.likelihood.sample(self.decoder(torch.cat((top, z), -1)), generator)
