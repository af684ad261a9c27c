"""Mixtures: the latent-variable model whose likelihood can be enumerated."""

import torch
from torch import Tensor, nn

from flowbook.densities.base import pick
from flowbook.inputs import (
    as_generator,
    expect_count,
    expect_positive,
    expect_rows,
    require,
)
from flowbook.likelihoods import normal_log_prob


class LatentMixture(nn.Module):
    """z ~ Categorical(weights), x | z = k ~ N(mean_k, std_k² I), all trainable.

    log p(x) = logsumexp_k [log weight_k + log N(x; mean_k, std_k² I)], exactly.
    Shapes: x (batch, dim); means (K, dim); logits and log_std (K,).
    """

    def __init__(self, means: Tensor, std: float = 1.0) -> None:
        super().__init__()
        expect_rows(means, None, "LatentMixture", "means")
        require(means, torch.isfinite, "LatentMixture expects finite means")
        std = expect_positive(std, "LatentMixture", "std")
        count, self.dim = means.shape
        self.means = nn.Parameter(means.clone())
        self.logits = nn.Parameter(means.new_zeros(count))
        self.log_std = nn.Parameter(means.new_full((count,), std).log())

    def log_joint(self, x: Tensor) -> Tensor:
        """Return log p(x, z = k) for every k, shape (batch, K)."""
        expect_rows(x, self.dim, "LatentMixture")
        each = normal_log_prob(x[:, None], self.means, self.log_std[:, None]).sum(-1)
        return self.logits.log_softmax(0) + each

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x) in nats, shape (batch,)."""
        return self.log_joint(x).logsumexp(1)

    def posterior(self, x: Tensor) -> Tensor:
        """Return p(z = k | x), shape (batch, K)."""
        return self.log_joint(x).softmax(1)

    @torch.no_grad()
    def sample(self, n: int, seed: int | torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw x (n, dim) and the component z (n,) that each came from.

        An int seeds a new generator on the model's device; a generator is advanced.
        """
        n = expect_count(n, "LatentMixture.sample")
        generator = as_generator(seed, self.means.device)
        z = pick(self.logits.softmax(0), n, generator)
        noise = self.means.new_empty(n, self.dim).normal_(generator=generator)
        return self.means[z] + self.log_std[z, None].exp() * noise, z
