"""Autoencoders with codes for grey images: one map of codes, and two levels."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from flowbook.codes import VectorQuantizer, nearest_code
from flowbook.digits import LEVELS
from flowbook.inputs import expect_count, expect_rows, one_dtype
from flowbook.likelihoods import DiscretizedLogistic
from flowbook.training import History, fit

SIDE = 8


def _halve(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 2, stride=2), nn.ReLU()]


def _double(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.ConvTranspose2d(inputs, outputs, 2, stride=2), nn.ReLU()]


def _look_around(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()]


class VQVAE(nn.Module):
    """An autoencoder whose latent is a map of codes (van den Oord et al., 2017).

    The encoder halves the image `halvings` times, so that of 8×8 pixels a map of 4×4
    or 2×2 is left; every place takes its nearest code; the decoder doubles the map back
    and gives the parameters of a discretised logistic. Images have `pixels` rows and
    columns, and whole numbers below `levels`: by default they are the digits.

    Shapes: x (batch, pixels²); codes (batch, side, side); parameters
    (batch, 2 pixels²).
    """

    def __init__(
        self,
        count: int,
        dim: int = 8,
        halvings: int = 1,
        hidden: int = 16,
        pixels: int = SIDE,
        levels: int = LEVELS,
    ) -> None:
        super().__init__()
        halvings = expect_count(halvings, "VQVAE", 1, "halvings")
        if pixels % 2**halvings:
            raise ValueError(
                f"VQVAE halves images {halvings} times: it expects a multiple of "
                f"{2**halvings} for pixels, got {pixels}."
            )
        self.pixels, self.side, wide = pixels, pixels >> halvings, 2 * hidden
        self.likelihood = DiscretizedLogistic(levels)
        self.quantizer = VectorQuantizer(count, dim)
        down = [*_look_around(1, hidden), *_halve(hidden, wide)]
        up = [*_double(wide, hidden), nn.Conv2d(hidden, 2, 3, padding=1)]
        for _ in range(halvings - 1):
            down += [*_look_around(wide, wide), *_halve(wide, wide)]
            up = [*_double(wide, wide), *_look_around(wide, wide), *up]
        self.encoder = nn.Sequential(*down, nn.Conv2d(wide, dim, 1))
        self.decoder = nn.Sequential(*_look_around(dim, wide), *up)

    def encode(self, x: Tensor) -> Tensor:
        """Return the map before rounding, (batch, side, side, dim)."""
        images = _as_images(x, self.pixels, self.likelihood.levels)
        with one_dtype(self, x):
            return self.encoder(images).movedim(1, -1)

    def decode(self, vectors: Tensor) -> Tensor:
        """Return the likelihood's parameters for a map of vectors."""
        with one_dtype(self, vectors, "vectors"):
            return self.decoder(vectors.movedim(-1, 1)).flatten(1)

    def codes(self, x: Tensor) -> Tensor:
        """Return the codes of x."""
        return nearest_code(self.encode(x), self.quantizer.codebook)

    def parameters_of(self, codes: Tensor) -> Tensor:
        """Return the likelihood's parameters for a map of codes."""
        return self.decode(self.quantizer.codebook[codes])

    def log_likelihood(self, x: Tensor) -> Tensor:
        """Return log p(x | codes of x) in nats, shape (batch,)."""
        return self.likelihood(x, self.parameters_of(self.codes(x)))

    def loss(self, x: Tensor) -> Tensor:
        """Return the mean of -log p(x | codes), straight through, and both terms."""
        quantised, _, terms = self.quantizer(self.encode(x))
        log_likelihood = self.likelihood(x, self.decode(quantised))
        return (terms.sum((1, 2)) - log_likelihood).mean()

    def restart(self, x: Tensor, seed: int) -> None:
        """Move codes that nothing in x uses to vectors that the encoder gives."""
        self.quantizer.restart(self.encode(x).flatten(0, 2), seed)


class TwoLevelVQVAE(nn.Module):
    """Codes on two levels (Razavi et al., 2019): a 2×2 map above a 4×4 map.

    The upper map sees the whole image; the lower one is encoded knowing the upper, and
    keeps what that leaves out. The decoder sees both.

    Shapes: x (batch, 64); codes (batch, 2, 2) and (batch, 4, 4); parameters
    (batch, 128).
    """

    def __init__(self, top: int, bottom: int, dim: int = 8, hidden: int = 16) -> None:
        super().__init__()
        self.likelihood = DiscretizedLogistic()
        self.top = VectorQuantizer(top, dim)
        self.bottom = VectorQuantizer(bottom, dim)
        wide = 2 * hidden
        self.features = nn.Sequential(*_look_around(1, hidden), *_halve(hidden, wide))
        self.to_top = nn.Sequential(
            *_look_around(wide, wide), *_halve(wide, wide), nn.Conv2d(wide, dim, 1)
        )
        self.from_top = nn.ConvTranspose2d(dim, wide, 2, stride=2)
        self.to_bottom = nn.Conv2d(2 * wide, dim, 1)
        self.decoder = nn.Sequential(
            *_look_around(dim + wide, wide),
            *_double(wide, hidden),
            nn.Conv2d(hidden, 2, 3, padding=1),
        )

    def encode_top(self, x: Tensor) -> Tensor:
        """Return the upper map before rounding, (batch, 2, 2, dim)."""
        images = _as_images(x)
        with one_dtype(self, x):
            return self.to_top(self.features(images)).movedim(1, -1)

    def spread(self, vectors: Tensor) -> Tensor:
        """Return what the lower level sees of the upper, (batch, 2 * hidden, 4, 4)."""
        return self.from_top(vectors.movedim(-1, 1))

    def encode_bottom(self, x: Tensor, top: Tensor) -> Tensor:
        """Return the lower map before rounding, given the upper map's vectors."""
        images = _as_images(x)
        with one_dtype(self, x):
            both = torch.cat((self.features(images), self.spread(top)), 1)
        return self.to_bottom(both).movedim(1, -1)

    def decode(self, top: Tensor, bottom: Tensor) -> Tensor:
        """Return the likelihood's parameters for the vectors of both maps."""
        with one_dtype(self, bottom, "bottom"):
            both = torch.cat((bottom.movedim(-1, 1), self.spread(top)), 1)
            return self.decoder(both).flatten(1)

    def codes(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the codes of both maps, the upper first."""
        top = nearest_code(self.encode_top(x), self.top.codebook)
        z = self.encode_bottom(x, self.top.codebook[top])
        return top, nearest_code(z, self.bottom.codebook)

    def parameters_of(self, top: Tensor, bottom: Tensor) -> Tensor:
        """Return the likelihood's parameters for the codes of both maps."""
        return self.decode(self.top.codebook[top], self.bottom.codebook[bottom])

    def log_likelihood(self, x: Tensor) -> Tensor:
        """Return log p(x | codes of x) in nats, shape (batch,)."""
        return self.likelihood(x, self.parameters_of(*self.codes(x)))

    def loss(self, x: Tensor) -> Tensor:
        """Return the mean of -log p(x | codes), straight through, and all terms."""
        top, _, above = self.top(self.encode_top(x))
        bottom, _, below = self.bottom(self.encode_bottom(x, top))
        log_likelihood = self.likelihood(x, self.decode(top, bottom))
        terms = above.sum((1, 2)) + below.sum((1, 2))
        return (terms - log_likelihood).mean()

    def restart(self, x: Tensor, seed: int) -> None:
        """Move codes that nothing in x uses to vectors that the encoder gives."""
        z = self.encode_top(x)
        self.top.restart(z.flatten(0, 2), seed)
        vectors = self.top.codebook[nearest_code(z, self.top.codebook)]
        self.bottom.restart(self.encode_bottom(x, vectors).flatten(0, 2), seed)


def fit_codes(
    model: VQVAE | TwoLevelVQVAE, x: Tensor, *, steps: int, every: int = 100, **recipe
) -> History:
    """Train on the loss with `training.fit`; restart dead codes for a while.

    Every `every` steps of the first two thirds, on that step's batch, before it.
    """
    every = expect_count(every, "fit_codes", 1, "every")
    return fit(model, x, steps=steps, loss=_restarting(steps, every), **recipe)


def _restarting(steps: int, every: int) -> Callable[[nn.Module, Tensor], Tensor]:
    done = 0

    def loss(model: nn.Module, rows: Tensor) -> Tensor:
        nonlocal done
        if done % every == 0 and done < 2 * steps / 3:
            with torch.no_grad():
                model.restart(rows, done)
        done += 1
        return model.loss(rows)

    return loss


def _as_images(x: Tensor, pixels: int = SIDE, levels: int = LEVELS) -> Tensor:
    expect_rows(x, pixels**2, "VQVAE")
    middle = (levels - 1) / 2
    return (x.view(-1, 1, pixels, pixels) - middle) / middle
