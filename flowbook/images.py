"""Layers for images: masks, squeeze, maps of every pixel, couplings by convolution.

An image of the shape (channels, height, width) is a vector here as everywhere in the
library: channel by channel, in each row by row. A layer that needs the picture is told
the shape.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from flowbook.flow import Layer
from flowbook.inputs import expect_count
from flowbook.linear import Permutation

Shape = tuple[int, int, int]
"""Channels, height and width of an image."""


def expect_shape(shape: Sequence[int], owner: str) -> Shape:
    """Return three positive integers, or raise ValueError."""
    if len(tuple(shape)) != 3:
        raise ValueError(
            f"{owner} expects a shape (channels, height, width), got {tuple(shape)}."
        )
    names = ("channels", "height", "width")
    numbers = [
        expect_count(n, owner, 1, name) for n, name in zip(shape, names, strict=True)
    ]
    return numbers[0], numbers[1], numbers[2]


def checkerboard_mask(shape: Shape, parity: int = 0) -> Tensor:
    """Return the mask that copies the pixels whose row + column is even (0) or odd (1).

    Shapes: (channels * height * width,), every channel alike.
    """
    channels, height, width = expect_shape(shape, "checkerboard_mask")
    colour = torch.arange(height)[:, None] + torch.arange(width)
    return (colour % 2 == parity % 2).expand(channels, height, width).flatten()


def channel_mask(shape: Shape, parity: int = 0) -> Tensor:
    """Return the mask that copies the first (0) or the second (1) half of the channels.

    Of an odd number the first half is the larger one; a single channel has no halves.

    Shapes: (channels * height * width,).
    """
    channels, height, width = expect_shape(shape, "channel_mask")
    second = torch.arange(channels) >= (channels + 1) // 2
    return (second == bool(parity % 2)).repeat_interleave(height * width)


def squeezed(shape: Shape, block: tuple[int, int] = (2, 2)) -> Shape:
    """Return the shape after `Squeeze`: smaller pictures, more channels."""
    channels, height, width = expect_shape(shape, "Squeeze")
    if height % block[0] or width % block[1]:
        raise ValueError(
            f"Squeeze expects a height and a width that blocks of {block[0]} by "
            f"{block[1]} divide, got {height} and {width}."
        )
    rows, columns = height // block[0], width // block[1]
    return channels * block[0] * block[1], rows, columns


class Squeeze(Permutation):
    """Each block of pixels becomes one pixel with more channels (Dinh et al., 2017).

    That is a new order of the entries, so that log|det| = 0. `inverse`, the
    normalising map, takes a picture of the given shape to one of `squeezed(shape)`;
    the four channels of a 2 by 2 block are its pixels row by row.

    Shapes: z and x (batch, channels * height * width); log_det (batch,).
    """

    def __init__(self, shape: Shape, block: tuple[int, int] = (2, 2)) -> None:
        small = squeezed(shape, block)
        channels, rows, columns = shape[0], small[1], small[2]
        place = torch.arange(channels * shape[1] * shape[2])
        place = place.view(channels, rows, block[0], columns, block[1])
        # z[i] = x[taken[i]]; Permutation says where x comes from.
        taken = place.permute(0, 2, 4, 1, 3).flatten()
        super().__init__(taken.argsort())


class PerPixel(Layer):
    """A layer of the channels, applied to every pixel alike.

    With a matrix inside this is an invertible 1×1 convolution (Kingma & Dhariwal,
    2018): `Dense` has any matrix and its determinant, `PLU` the factors of one. With
    `ActNorm` inside it normalises each channel over images and pixels.

        log|det dx/dz| = sum over pixels of the layer's own.

    Shapes: z and x (batch, channels * height * width), channels = layer.dim;
    log_det (batch,).
    """

    constants = ("shape",)

    def __init__(self, layer: Layer, shape: Shape) -> None:
        super().__init__()
        self.shape = expect_shape(shape, "PerPixel")
        if layer.dim is not None and layer.dim != self.shape[0]:
            raise ValueError(
                f"PerPixel expects a layer for {self.shape[0]} channels, got one for "
                f"{layer.dim}."
            )
        self.layer = layer
        self.dim = self.shape[0] * self.shape[1] * self.shape[2]

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map z to x; also return log|det dx/dz|."""
        return self._join(*self.layer(self._pixels(z)))

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x to z; also return log|det dz/dx|."""
        return self._join(*self.layer.inverse(self._pixels(x)))

    def _pixels(self, image: Tensor) -> Tensor:
        channels, height, width = self.shape
        pixels = image.view(len(image), channels, height * width).mT
        return pixels.reshape(len(image) * height * width, channels)

    def _join(self, pixels: Tensor, log_det: Tensor) -> tuple[Tensor, Tensor]:
        channels, height, width = self.shape
        area = height * width
        batch = len(pixels) // area
        image = pixels.view(batch, area, channels).mT.reshape(batch, self.dim)
        return image, log_det.reshape(batch, area).sum(-1)


def convolutions(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """Return three convolutions, 3×3, 1×1 and 3×3, with ReLUs between them.

    The picture keeps its size, and the last convolution starts at zero, so that a
    coupling layer with it starts as the identity.

    Shapes: (batch, inputs, height, width) -> (batch, outputs, height, width).
    """
    last = nn.Conv2d(hidden, outputs, 3, padding=1)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(
        nn.Conv2d(inputs, hidden, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(hidden, hidden, 1),
        nn.ReLU(),
        last,
    )


class ConvCoupling(Layer):
    """Affine coupling of images, with convolutions for its conditioner.

    Where the mask is 1 the image is copied; the rest of what the network sees is 0.
    The network gives every entry a log-scale s and a shift t, used where the mask is 0:

        x = z * exp(s) + t,    log|det dx/dz| = sum(s),    s = 2 tanh(r / 2)

    for the network's output r (Dinh et al., 2017, equations 9 and 10).

    Shapes: z and x (batch, channels * height * width); mask like one row; log_det
    (batch,).
    """

    bound = 2.0
    constants = ("shape", "bound")

    def __init__(
        self,
        mask: Tensor,
        shape: Shape,
        hidden: int = 32,
        network: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.shape = expect_shape(shape, "ConvCoupling")
        self.dim = self.shape[0] * self.shape[1] * self.shape[2]
        mask = torch.as_tensor(mask).bool()
        if mask.shape != (self.dim,) or mask.all() or not mask.any():
            raise ValueError(
                f"ConvCoupling expects a mask of shape ({self.dim},) that copies some "
                f"entries (1) and moves some (0), got {mask.int().tolist()}."
            )
        self.register_buffer("mask", mask.clone())
        channels = self.shape[0]
        if network is None:
            network = convolutions(channels, hidden, 2 * channels)
        self.conditioner = network

    def log_scale_and_shift(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return s and t, each (batch, dim), which are 0 where the mask is 1."""
        seen = torch.where(self.mask, x, 0.0).view(len(x), *self.shape)
        raw, shift = self.conditioner(seen).reshape(len(x), 2, self.dim).unbind(1)
        log_scale = self.bound * torch.tanh(raw / self.bound)
        return torch.where(self.mask, 0.0, log_scale), torch.where(
            self.mask, 0.0, shift
        )

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map z to x; also return log|det dx/dz|."""
        log_scale, shift = self.log_scale_and_shift(z)
        return z * log_scale.exp() + shift, log_scale.sum(-1)

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x to z; also return log|det dz/dx|."""
        log_scale, shift = self.log_scale_and_shift(x)
        return (x - shift) * (-log_scale).exp(), -log_scale.sum(-1)


class OnPart(Layer):
    """A layer of the first entries; the rest passes by unchanged.

    Multi-scale flows (Dinh et al., 2017) are made of it: from some layer on, half of
    the entries are done, and the layers nearer to the base have the other half alone.
    It is a coupling the other way about: what moves does not look at what is copied.

    Shapes: z and x (batch, dim), dim >= layer.dim; log_det (batch,).
    """

    def __init__(self, layer: Layer, dim: int) -> None:
        super().__init__()
        if layer.dim is None or not layer.dim <= dim:
            raise ValueError(
                f"OnPart expects a layer for at most {dim} entries, got one for "
                f"{layer.dim}."
            )
        self.layer, self.dim = layer, dim

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map z to x; also return log|det dx/dz|."""
        x, log_det = self.layer(z[:, : self.layer.dim])
        return torch.cat((x, z[:, self.layer.dim :]), -1), log_det

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x to z; also return log|det dz/dx|."""
        z, log_det = self.layer.inverse(x[:, : self.layer.dim])
        return torch.cat((z, x[:, self.layer.dim :]), -1), log_det
