"""The handwritten digits that come with scikit-learn: 8×8 pixels, 17 levels."""

import math
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

LEVELS = 17
DIM = 64


def digits(dtype: torch.dtype | None = None) -> tuple[Tensor, Tensor]:
    """Return images (1797, 64), levels 0..16, and their labels (1797,)."""
    table = digits_table()
    images = torch.tensor(table[:, :DIM], dtype=dtype or torch.get_default_dtype())
    return images, torch.tensor(table[:, DIM].astype(np.int64))


@cache
def digits_table() -> np.ndarray:
    """Return scikit-learn's digits, (1797, 65): 64 pixels, and the label.

    The file is read without importing scikit-learn, which takes a second.

    Raises ModuleNotFoundError if scikit-learn is not installed.
    """
    library = find_spec("sklearn")
    if library is None or library.origin is None:
        raise ModuleNotFoundError(
            "the digits come with scikit-learn: run `%pip install scikit-learn`."
        )
    folder = Path(library.origin).parent / "datasets" / "data"
    return np.loadtxt(folder / "digits.csv.gz", delimiter=",")


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
