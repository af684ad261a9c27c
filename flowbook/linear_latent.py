"""The linear-Gaussian latent model: probabilistic PCA and the linear VAE."""

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


class ProbabilisticPCA:
    """z ~ N(0, I), x | z ~ N(W z + mean, sigma² I) (Tipping and Bishop, 1999).

    Marginally x ~ N(mean, C) with C = W Wᵀ + sigma² I.
    Shapes: weight (dim, latent); mean (dim,); sigma2 a scalar variance.
    """

    def __init__(self, weight: Tensor, mean: Tensor, sigma2: Tensor) -> None:
        if weight.ndim != 2 or mean.shape != weight.shape[:1]:
            raise ValueError(
                "ProbabilisticPCA expects a weight of shape (dim, latent) and a mean "
                f"of shape (dim,), got {tuple(weight.shape)} and {tuple(mean.shape)}."
            )
        sigma2 = torch.as_tensor(sigma2).to(weight)
        require(sigma2, lambda v: v > 0, "ProbabilisticPCA expects sigma2 > 0")
        self.weight, self.mean, self.sigma2 = weight, mean, sigma2

    @classmethod
    def fit(
        cls, x: Tensor, latent: int, sigma2: float | None = None
    ) -> "ProbabilisticPCA":
        """Return the maximum-likelihood model of x (n, dim).

        W = U_q (L_q - sigma² I)^½ from the eigenvectors U_q of the q largest
        eigenvalues L_q of the covariance; sigma² is the mean of the others (Tipping
        and Bishop, 1999, equations 7 and 8). With sigma² given, only the eigenvalues
        above it get a direction: the rest of W is zero.

        Raises ValueError if no eigenvalue is left to estimate sigma² from, or none but
        zeros: without noise there is no density. Zero is what rounding cannot tell
        from it, dim * eps times the largest eigenvalue.
        """
        expect_rows(x, None, "ProbabilisticPCA.fit")
        latent = expect_count(latent, "ProbabilisticPCA.fit", 1, "latent")
        if not len(x):
            raise ValueError("ProbabilisticPCA.fit expects rows of data, got none.")
        if sigma2 is None and latent >= x.shape[1]:
            raise ValueError(
                f"expected fewer latents than the {x.shape[1]} dimensions of x, or a "
                f"given sigma2; got {latent} latents."
            )
        require(x, torch.isfinite, "ProbabilisticPCA.fit expects finite data")
        mean = x.mean(0)
        centred = x - mean
        values, vectors = torch.linalg.eigh(centred.T @ centred / len(x))
        values, vectors = values.flip(0), vectors.flip(1)
        noise = values[latent:].mean() if sigma2 is None else values.new_tensor(sigma2)
        zero = 0 if sigma2 else len(values) * torch.finfo(x.dtype).eps * values[0]
        if not noise > zero:
            raise ValueError(
                f"expected data with noise beside {latent} latents, or a positive "
                f"sigma2; got a variance of {noise.item():.1e}, zero up to rounding."
            )
        stretch = (values[:latent] - noise).clamp(min=0).sqrt()
        return cls(vectors[:, :latent] * stretch, mean, noise)

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x) in nats, shape (batch,), through the latent × latent matrix.

        |C| = sigma^(2(dim - q)) |M| with M = WᵀW + sigma² I. The distance cᵀ C⁻¹ c of
        c = x - mean is the least |c - W z|² / sigma² + |z|², which the posterior mean
        z = M⁻¹ Wᵀ c reaches: a sum in which no digits cancel.
        """
        dim, latent = self.weight.shape
        expect_rows(x, dim, "ProbabilisticPCA")
        centred = x - self.mean
        root = torch.linalg.cholesky(self._inner())
        z = torch.cholesky_solve((centred @ self.weight).T, root).T
        rest = centred - z @ self.weight.T
        distance = rest.square().sum(-1) / self.sigma2 + z.square().sum(-1)
        log_det = (dim - latent) * self.sigma2.log() + 2 * root.diagonal().log().sum()
        return -0.5 * (distance + log_det + dim * math.log(2 * math.pi))

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the exact posterior's mean (batch, latent) and covariance (q, q)."""
        expect_rows(x, len(self.mean), "ProbabilisticPCA")
        inner = self._inner()
        mean = torch.linalg.solve(inner, ((x - self.mean) @ self.weight).T).T
        return mean, self.sigma2 * torch.linalg.inv(inner)

    def _inner(self) -> Tensor:
        """Return M = WᵀW + sigma² I, shape (latent, latent)."""
        eye = torch.eye(self.weight.shape[1]).to(self.weight)
        return self.weight.T @ self.weight + self.sigma2 * eye


class LinearVAE(nn.Module):
    """A VAE whose encoder and decoder are affine, with an exact ELBO.

        q(z | x) = N(V (x - mean), diag d²),   p(x | z) = N(W z + mean, sigma² I).

    The expectation over z is a polynomial of degree two, so nothing is sampled. At its
    best the ELBO equals probabilistic PCA's maximum (Lucas et al., 2019).
    Shapes: x (batch, dim); elbo (batch,).
    """

    def __init__(
        self, mean: Tensor, latent: int, sigma: float | None = None, seed: int = 0
    ) -> None:
        super().__init__()
        expect_floating(mean, "LinearVAE", "mean")
        if mean.ndim != 1:
            raise ValueError(
                f"LinearVAE expects a mean of shape (dim,), got {tuple(mean.shape)}."
            )
        dim, latent = len(mean), expect_count(latent, "LinearVAE", 1, "latent")
        if sigma is not None:
            sigma = expect_positive(sigma, "LinearVAE", "sigma")
        noise = as_generator(seed, mean.device)
        start = mean.new_empty(dim, latent).normal_(generator=noise) / dim**0.5
        self.register_buffer("mean", mean)
        self.weight = nn.Parameter(start)
        self.encoder = nn.Parameter(
            start.T.clone(memory_format=torch.contiguous_format)
        )
        self.log_std = nn.Parameter(mean.new_zeros(latent))
        log_sigma = mean.new_tensor(0.0 if sigma is None else math.log(sigma))
        self.log_sigma = nn.Parameter(log_sigma, requires_grad=sigma is None)

    def posterior(self, x: Tensor) -> GaussianPosterior:
        """Return q(z | x)."""
        expect_rows(x, len(self.mean), "LinearVAE")
        code = (x - self.mean) @ self.encoder.T
        return GaussianPosterior(code, self.log_std.expand_as(code))

    def reconstruction(self, x: Tensor) -> Tensor:
        """Return E_q[log p(x | z)] in nats, in closed form, shape (batch,).

        E‖x - W z - mean‖² = ‖x - W m - mean‖² + sum_j d_j² ‖W_j‖².
        """
        posterior = self.posterior(x)
        error = (x - self.mean - posterior.mean @ self.weight.T).square().sum(-1)
        spread = ((2 * self.log_std).exp() * self.weight.square().sum(0)).sum()
        dim = x.shape[-1]
        constant = dim * (2 * self.log_sigma + math.log(2 * math.pi))
        return -0.5 * ((error + spread) * (-2 * self.log_sigma).exp() + constant)

    def elbo(self, x: Tensor) -> Tensor:
        """Return the exact ELBO in nats, shape (batch,)."""
        return self.reconstruction(x) - self.posterior(x).kl()

    def as_ppca(self) -> ProbabilisticPCA:
        """Return the decoder as a probabilistic PCA, whose log p(x) is exact."""
        sigma2 = (2 * self.log_sigma).exp()
        return ProbabilisticPCA(self.weight, self.mean, sigma2)
