"""NICE, RealNVP and Glow for small images, built of the library's layers."""

from collections.abc import Iterator

import torch
from torch import Tensor

from flowbook.coupling import AdditiveCoupling
from flowbook.densities import StandardNormal
from flowbook.flow import Flow, Inverse, Layer
from flowbook.images import (
    ConvCoupling,
    OnPart,
    PerPixel,
    Shape,
    Squeeze,
    channel_mask,
    checkerboard_mask,
    squeezed,
)
from flowbook.inputs import as_generator, expect_count, expect_finite
from flowbook.linear import PLU, ActNorm, Diagonal

SHAPE: Shape = (1, 8, 8)


def nice(
    pixels: Layer, shape: Shape = SHAPE, layers: int = 4, hidden: int = 128
) -> Flow:
    """Return NICE (Dinh et al., 2015): additive couplings, and a scale of each entry.

    Perceptrons see the pixels of one colour of a checkerboard and shift the others.
    `pixels` is the layer next to the data.
    """
    dim = shape[0] * shape[1] * shape[2]
    couplings = [
        AdditiveCoupling(checkerboard_mask(shape, k), hidden) for k in range(layers)
    ]
    return Flow(StandardNormal(dim), [*couplings, Diagonal(torch.ones(dim)), pixels])


def realnvp(
    pixels: Layer, shape: Shape = SHAPE, hidden: int = 32, couplings: int = 4
) -> Flow:
    """Return a multi-scale RealNVP (Dinh et al., 2017).

    From the data on: couplings with checkerboards; squeeze; couplings with halves of
    the channels. Then half of the entries are done, and the same with halves of the
    channels goes on for the rest.
    """
    dim = shape[0] * shape[1] * shape[2]
    small = squeezed(shape)
    half = (small[0] // 2, *small[1:])
    board = [
        ConvCoupling(checkerboard_mask(shape, k), shape, hidden)
        for k in range(couplings)
    ]
    channels = [
        ConvCoupling(channel_mask(small, k), small, hidden) for k in range(couplings)
    ]
    rest = [
        OnPart(ConvCoupling(checkerboard_mask(half, k), half, hidden), dim)
        for k in range(couplings)
    ]
    return Flow(StandardNormal(dim), [*rest, *channels, Squeeze(shape), *board, pixels])


def glow(
    pixels: Layer,
    shape: Shape = SHAPE,
    hidden: int = 32,
    steps: int = 4,
    scales: int = 2,
) -> Flow:
    """Return a Glow of two scales or more (Kingma & Dhariwal, 2018).

    A step is activation normalisation, an invertible 1×1 convolution by its PLU
    factors and a coupling of the channels' halves, in the normalising order. Squeeze
    comes first, because a grey image has one channel. After each scale but the last
    half of the channels are done; what is left gets a squeeze and steps of its own.
    """
    dim = shape[0] * shape[1] * shape[2]
    layers = _scales(shape, hidden, steps, expect_count(scales, "glow", 1, "scales"))
    parts = [layer if layer.dim == dim else OnPart(layer, dim) for layer in layers]
    return Flow(StandardNormal(dim), [*parts, pixels])


def _scales(shape: Shape, hidden: int, steps: int, scales: int) -> list[Layer]:
    # From the base on; layers of the later scales are for the first entries alone.
    small = squeezed(shape)
    own = [*_steps(small, hidden, steps), Squeeze(shape)]
    if scales == 1:
        return own
    half = (small[0] // 2, *small[1:])
    rest = _scales(half, hidden, steps, scales - 1)
    # The half that is done is shifted and scaled as the other half says: its prior.
    prior = ConvCoupling(channel_mask(small, 0), small, hidden)
    return [*rest, prior, *own]


def _steps(shape: Shape, hidden: int, steps: int) -> Iterator[Layer]:
    # From the base on, so each step in the generative order.
    for k in range(steps):
        yield ConvCoupling(channel_mask(shape, k), shape, hidden)
        turn = torch.linalg.qr(torch.randn(shape[0], shape[0])).Q
        # In training data come by the product, not by the two substitutions.
        yield Inverse(PerPixel(PLU(turn), shape))
        yield PerPixel(ActNorm(shape[0]), shape)


@torch.no_grad()
def sample_at(
    flow: Flow, temperature: float, n: int, seed: int | torch.Generator
) -> Tensor:
    """Draw from a flow whose standard normal base is scaled by the temperature.

    The base is then that of p(z)^gamma with gamma = 1 / temperature^2, normalised.

    Shapes: (n, dim).
    """
    temperature = expect_finite(temperature, "sample_at", "temperature")
    if temperature < 0:
        raise ValueError(f"A temperature is not negative, got {temperature}.")
    like = next(flow.parameters())
    z = flow.base.sample(n, as_generator(seed, like.device), like.dtype)
    return flow(temperature * z)[0]
