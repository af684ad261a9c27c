"""Autoencoders without a likelihood: linear, deep, convolutional, and denoising."""

import torch
from torch import Tensor, nn

from flowbook.inputs import expect_count, expect_positive, expect_rows, one_dtype
from flowbook.nets import mlp


class Autoencoder(nn.Module):
    """An encoder to a few numbers and a decoder back, trained on the squared error.

    Undercomplete: fewer latents than dimensions. Nothing in it is a density.
    Shapes: x (batch, dim), codes (batch, latent).
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    @classmethod
    def linear(cls, dim: int, latent: int) -> "Autoencoder":
        """Return affine maps in both directions: at best principal components."""
        return cls(nn.Linear(dim, latent), nn.Linear(latent, dim))

    @classmethod
    def deep(cls, dim: int, latent: int, hidden: int = 128) -> "Autoencoder":
        """Return perceptrons with two hidden layers in both directions."""
        return cls(mlp(dim, hidden, latent), mlp(latent, hidden, dim))

    @classmethod
    def convolutional(cls, latent: int, width: int = 16) -> "Autoencoder":
        """Return convolutions for images of 8×8 pixels, given as rows of 64."""
        wide = 2 * width
        encoder = nn.Sequential(
            nn.Unflatten(1, (1, 8, 8)),
            nn.Conv2d(1, width, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, wide, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(4 * wide, latent),
        )
        decoder = nn.Sequential(
            nn.Linear(latent, 4 * wide),
            nn.ReLU(),
            nn.Unflatten(1, (wide, 2, 2)),
            nn.ConvTranspose2d(wide, width, 2, stride=2),
            nn.ReLU(),
            nn.ConvTranspose2d(width, width, 2, stride=2),
            nn.ReLU(),
            nn.Conv2d(width, 1, 3, padding=1),
            nn.Flatten(),
        )
        return cls(encoder, decoder)

    @classmethod
    @torch.no_grad()
    def principal(cls, x: Tensor, latent: int) -> "Autoencoder":
        """Return the best linear autoencoder of x: its principal components.

        Its error is the sum of the discarded eigenvalues of the covariance (Baldi and
        Hornik, 1989). Shapes: x (n, dim), latent <= dim.
        """
        expect_rows(x, None, "Autoencoder.principal")
        latent = expect_count(latent, "Autoencoder.principal", 1, "latent")
        if latent > x.shape[1]:
            raise ValueError(
                f"Autoencoder.principal expects at most {x.shape[1]} latents, got "
                f"{latent}."
            )
        mean = x.mean(0)
        centred = x - mean
        _, vectors = torch.linalg.eigh(centred.T @ centred / len(x))
        kept = vectors.flip(1)[:, :latent]
        model = cls.linear(x.shape[1], latent).to(x.device, x.dtype)
        model.encoder.weight.copy_(kept.T)
        model.encoder.bias.copy_(-mean @ kept)
        model.decoder.weight.copy_(kept)
        model.decoder.bias.copy_(mean)
        return model

    def forward(self, x: Tensor) -> Tensor:
        """Return the reconstruction of x."""
        expect_rows(x, None, "Autoencoder")
        with one_dtype(self, x):
            return self.decoder(self.encoder(x))


def squared_error(model: nn.Module, x: Tensor) -> Tensor:
    """Return the mean of ‖x - model(x)‖², summed over dimensions, a scalar."""
    return (x - model(x)).square().sum(1).mean()


class DenoisingError:
    """The mean of ‖x - model(x + noise)‖², with N(0, sigma² I), for `training.fit`.

    The best model at all is the posterior mean E[x | noisy] (Vincent et al., 2008).
    """

    def __init__(self, sigma: float) -> None:
        self.sigma = expect_positive(sigma, "DenoisingError", "sigma")

    def __call__(self, model: nn.Module, x: Tensor) -> Tensor:
        """Return the error on new noise, a scalar."""
        noisy = x + self.sigma * torch.randn_like(x)
        return (x - model(noisy)).square().sum(1).mean()


def posterior_mean(noisy: Tensor, data: Tensor, sigma: float) -> Tensor:
    """Return E[x | noisy] if x is one of the rows of data, each as likely.

    The rows' mean with weights softmax(-‖noisy - x‖² / 2 sigma²). By Tweedie's formula
    it is noisy + sigma² times the score of the noisy density.

    Shapes: noisy (batch, dim), data (n, dim); the result (batch, dim).
    """
    sigma = expect_positive(sigma, "posterior_mean", "sigma")
    expect_rows(data, None, "posterior_mean", "data")
    expect_rows(noisy, data.shape[1], "posterior_mean", "noisy")
    squares = torch.cdist(noisy, data).square()
    return (-squares / (2 * sigma**2)).softmax(1) @ data


def best_linear_denoiser(
    noisy: Tensor, mean: Tensor, covariance: Tensor, sigma: float
) -> Tensor:
    """Return mean + C (C + sigma² I)⁻¹ (noisy - mean), the best affine guess of x.

    Shapes: noisy (batch, dim), mean (dim,), covariance (dim, dim).
    """
    sigma = expect_positive(sigma, "best_linear_denoiser", "sigma")
    eye = torch.eye(len(mean)).to(covariance)
    gain = torch.linalg.solve(covariance + sigma**2 * eye, covariance)
    return mean + (noisy - mean) @ gain
