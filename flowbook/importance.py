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
    return (2 * log_weights.logsumexp(0) - (2 * log_weights).logsumexp(0)).exp()


def self_normalised(log_weights: Tensor, values: Tensor) -> Tensor:
    """Return sum w f / sum w over axis 0, consistent and biased of order 1/n.

    Shapes: log_weights and values, of one shape, (n, ...) to (...).
    """
    return (log_weights.softmax(0) * values).sum(0)
