"""Vector quantisation: latents that are one of K learned vectors, and their price.

A code is deterministic, so log p(x, c(x)) = log p(x | c(x)) + log p(c(x)) is a lower
bound of log p(x): what it leaves out are the other codes.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from flowbook.inputs import as_generator, expect_count, expect_points, expect_rows
from flowbook.likelihoods import expect_levels


def nearest_code(z: Tensor, codebook: Tensor) -> Tensor:
    """Return the index of the row of the codebook next to z, the first of equals.

    Shapes: z (..., dim); codebook (K, dim); the result (...), integers.
    """
    expect_points(z, codebook.shape[-1], "nearest_code", "z")
    # |z - e|² less |z|², which is the same for every code.
    distance = codebook.square().sum(-1) - 2 * z @ codebook.T
    return distance.argmin(-1)


def perplexity(codes: Tensor, count: int) -> Tensor:
    """Return exp of the entropy of the codes' frequencies: how many are in use.

    `count` if all K are used alike, 1 if one is. Shapes: codes (...) to a scalar.
    """
    share = code_frequencies(codes, count)
    return torch.special.entr(share).sum().exp()


def code_frequencies(codes: Tensor, count: int) -> Tensor:
    """Return the share of each of `count` codes, shape (count,); 0 is a dead code.

    Shapes: codes (...). Raises ValueError for what is none of 0 to count - 1.
    """
    count = expect_count(count, "code_frequencies", 1, "count")
    codes = expect_levels(codes, count, "code_frequencies", "codes").long()
    counts = functional.one_hot(codes.flatten(), count).sum(0)
    return counts.to(torch.get_default_dtype()) / codes.numel()


class VectorQuantizer(nn.Module):
    """Replace z by its nearest code (van den Oord et al., 2017).

    Forward gives the code's vector. Backward the gradient passes to z as if nothing had
    been rounded ("straight through"): it is that of the loss at the code, and biased.
    The codebook gets no gradient from there; two terms pull code and z together,

        ‖sg[z] - e‖² + commitment ‖z - sg[e]‖²,   sg = no gradient through this.

    The first moves the codes and alone makes them the means of what they stand for, as
    in k-means; the second keeps the encoder from running away from them.

    Shapes: z (..., dim) to quantised (..., dim), codes (...) and the two terms, summed
    over dim, (...).
    """

    def __init__(self, count: int, dim: int, commitment: float = 0.25) -> None:
        super().__init__()
        self.count = expect_count(count, "VectorQuantizer", 1, "count")
        if not 0 <= commitment < math.inf:
            raise ValueError(
                "VectorQuantizer expects a commitment that is not negative, got "
                f"{commitment}."
            )
        self.commitment = commitment
        self.codebook = nn.Parameter(torch.randn(count, dim))

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the quantised z, its codes, and the terms that pull them together."""
        codes = nearest_code(z, self.codebook)
        vectors = self.codebook[codes]
        towards_z = (z.detach() - vectors).square().sum(-1)
        towards_code = (z - vectors.detach()).square().sum(-1)
        quantised = z + (vectors - z).detach()
        return quantised, codes, towards_z + self.commitment * towards_code

    @torch.no_grad()
    def restart(self, z: Tensor, seed: int | torch.Generator, least: float = 0) -> int:
        """Put codes with a share of at most `least` on vectors drawn from z.

        Shapes: z (n, dim). Returns how many were dead.
        """
        expect_points(z, self.codebook.shape[-1], "VectorQuantizer.restart", "z")
        rows = z.reshape(-1, z.shape[-1])
        share = code_frequencies(nearest_code(rows, self.codebook), self.count)
        dead = (share <= least).nonzero()[:, 0]
        generator = as_generator(seed, rows.device)
        drawn = torch.randint(
            len(rows), (len(dead),), generator=generator, device=rows.device
        )
        self.codebook[dead] = rows[drawn].to(self.codebook)
        return len(dead)


def k_means(
    x: Tensor, count: int, seed: int | torch.Generator, steps: int = 50
) -> tuple[Tensor, Tensor]:
    """Return the codebook (K, dim) of Lloyd's algorithm, and the codes of x (n,).

    It starts from rows of x, each drawn far from those before it (k-means++, Arthur and
    Vassilvitskii, 2007); a code that nothing is next to stays where it is.
    """
    expect_rows(x, None, "k_means")
    generator = as_generator(seed, x.device)
    first = torch.randint(len(x), (1,), generator=generator, device=x.device)
    codebook = x[first]
    for _ in range(expect_count(count, "k_means", 1, "count") - 1):
        distance = torch.cdist(x, codebook).square().amin(1)
        if not distance.any():  # fewer different rows than codes
            distance = torch.ones_like(distance)
        drawn = torch.multinomial(distance, 1, generator=generator)
        codebook = torch.cat((codebook, x[drawn]))
    for _ in range(steps):
        codes = nearest_code(x, codebook)
        member = functional.one_hot(codes, count).to(x)
        sizes = member.sum(0)[:, None]
        codebook = torch.where(sizes > 0, member.T @ x / sizes.clamp(min=1), codebook)
    return codebook, nearest_code(x, codebook)
