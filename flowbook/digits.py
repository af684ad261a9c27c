"""The handwritten digits that come with scikit-learn: 8×8 pixels, 17 levels."""

import math

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor

LEVELS = 17
DIM = 64


def digits(dtype: torch.dtype | None = None) -> tuple[Tensor, Tensor]:
    """Return images (1797, 64), levels 0..16, and their labels (1797,)."""
    images, labels = load_digits(return_X_y=True)
    return torch.tensor(images, dtype=dtype or torch.get_default_dtype()), torch.tensor(
        labels
    )


def digits_split(seed: int = 0, dtype: torch.dtype | None = None) -> tuple[Tensor, ...]:
    """Return train images (1437, 64), test images (360, 64), and their labels.

    The order is numpy's `default_rng(seed).permutation`, whatever torch's seed.
    """
    images, labels = digits(dtype)
    order = torch.from_numpy(np.random.default_rng(seed).permutation(len(images)))
    train, test = order[:1437].to(images.device), order[1437:].to(images.device)
    return images[train], images[test], labels[train], labels[test]


def bits_per_dim(log_prob: Tensor) -> float:
    """Return the mean bits per pixel of images of the given log p(x) in nats.

    log_prob (n,) is that of the 17 levels themselves, or of a density on
    [0, 17)^64 after adding uniform noise, which bounds it from below.
    """
    return -log_prob.mean().item() / (DIM * math.log(2))
