"""What simple densities reach on the digits, in bits per dimension."""

import math

import numpy as np
import torch
from sklearn.mixture import GaussianMixture
from torch import Tensor

from flowbook.digits import DIM, LEVELS, bits_per_dim
from flowbook.likelihoods import expect_levels


def uniform() -> float:
    """Return log2(17): every level equally likely."""
    return math.log2(LEVELS)


def histogram(train: Tensor, test: Tensor, pseudo_count: float = 0.5) -> float:
    """Return the bits/dim of independent pixels, one smoothed histogram each.

    Shapes: train (n, 64) and test (m, 64), levels 0..16.
    """
    for x in (train, test):
        _check_images(x, "histogram")
    levels = torch.arange(LEVELS, device=train.device)
    counts = (train.long()[..., None] == levels).sum(0) + pseudo_count
    log_probs = (counts / counts.sum(-1, keepdim=True)).log()
    pixel = torch.arange(DIM, device=train.device)
    return bits_per_dim(log_probs[pixel, test.long()].sum(-1))


def gaussian_mixture(
    train: Tensor,
    test: Tensor,
    components: int = 1,
    covariance: str = "full",
    floor: float = 0.0,
    seed: int = 0,
) -> float:
    """Return the bits/dim of a Gaussian mixture fitted to dequantised digits.

    Uniform noise on [0, 1) is added to train and test, so that the density bounds the
    probability of the levels from below. `covariance` is scikit-learn's
    covariance_type, "full" or "diag"; `floor` is added to its diagonal.
    """
    for x in (train, test):
        _check_images(x, "gaussian_mixture")
    noise = np.random.default_rng(seed)
    noisy = [x.cpu().double().numpy() + noise.random(x.shape) for x in (train, test)]
    model = GaussianMixture(
        components, covariance_type=covariance, reg_covar=floor, random_state=seed
    )
    log_prob = model.fit(noisy[0]).score_samples(noisy[1])
    return bits_per_dim(torch.from_numpy(log_prob))


def _check_images(x: Tensor, owner: str) -> None:
    expect_levels(x, LEVELS, owner)
    if x.ndim != 2 or x.shape[1] != DIM or not len(x):
        raise ValueError(
            f"{owner} expects images of shape (n, {DIM}), got {tuple(x.shape)}."
        )
