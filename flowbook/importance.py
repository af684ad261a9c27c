"""Importance sampling: estimates from weighted samples, and what they are worth."""

import math

from torch import Tensor


def log_mean_weight(log_weights: Tensor) -> Tensor:
    """Return log of the mean weight over axis 0, without overflow.

    The mean weight is an unbiased estimate of the normaliser; its logarithm is biased
    low, by Jensen's inequality. Shapes: (n, ...) to (...).
    """
    return log_weights.logsumexp(0) - math.log(len(log_weights))


def effective_sample_size(log_weights: Tensor) -> Tensor:
    """Return (sum w)² / sum w² over axis 0 (Kong, 1992): n if all weights are equal.

    Shapes: (n, ...) to (...). A large value is no proof: samples that all miss a mode
    can have equal weights.
    """
    # A common factor cancels: without it, no digits of a large logarithm are lost.
    weights = (log_weights - log_weights.amax(0)).exp()
    return weights.sum(0).square() / weights.square().sum(0)


def self_normalised(log_weights: Tensor, values: Tensor) -> Tensor:
    """Return sum w f / sum w over axis 0, consistent and biased of order 1/n.

    Shapes: log_weights and values, of one shape, (n, ...) to (...).
    Raises ValueError if the shapes differ: they would broadcast.
    """
    if log_weights.shape != values.shape:
        raise ValueError(
            "self_normalised expects a weight for every value, got shapes "
            f"{tuple(log_weights.shape)} and {tuple(values.shape)}."
        )
    return (log_weights.softmax(0) * values).sum(0)
