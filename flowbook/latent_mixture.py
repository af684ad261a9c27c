"""Mixtures: the latent-variable model whose likelihood can be enumerated."""

import torch
from torch import Tensor, nn

from flowbook.likelihoods import normal_log_prob


class LatentMixture(nn.Module):
    """z ~ Categorical(weights), x | z = k ~ N(mean_k, std_k² I), all trainable.

    log p(x) = logsumexp_k [log weight_k + log N(x; mean_k, std_k² I)], exactly.
    Shapes: x (batch, dim); means (K, dim); logits and log_std (K,).
    """

    def __init__(self, means: Tensor, std: float = 1.0) -> None:
        super().__init__()
        count = len(means)
        self.means = nn.Parameter(means.clone())
        self.logits = nn.Parameter(means.new_zeros(count))
        self.log_std = nn.Parameter(means.new_full((count,), std).log())

    def log_joint(self, x: Tensor) -> Tensor:
        """Return log p(x, z = k) for every k, shape (batch, K)."""
        each = normal_log_prob(x[:, None], self.means, self.log_std[:, None]).sum(-1)
        return self.logits.log_softmax(0) + each

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x) in nats, shape (batch,)."""
        return self.log_joint(x).logsumexp(1)

    def posterior(self, x: Tensor) -> Tensor:
        """Return p(z = k | x), shape (batch, K)."""
        return self.log_joint(x).softmax(1)

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw x (n, dim) and the component z (n,) that each came from."""
        weights = self.logits.softmax(0)
        z = torch.multinomial(weights, n, replacement=True, generator=generator)
        noise = self.means.new_empty(n, self.means.shape[1]).normal_(
            generator=generator
        )
        return self.means[z] + self.log_std[z, None].exp() * noise, z
