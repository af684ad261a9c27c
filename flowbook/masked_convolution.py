"""Convolutions that see only what came before: triangular, so invertible."""

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from flowbook.flow import Layer
from flowbook.images import Shape, expect_shape


def before_mask(channels: int, size: int) -> Tensor:
    """Return which weights of a convolution look back: 1 where they do.

    The order is that of reading, pixel by pixel, and inside a pixel channel by channel
    (van den Oord et al., 2016). A weight that joins an entry to itself does not look
    back.

    Shapes: (channels out, channels in, size, size), size odd.
    """
    middle = size // 2
    mask = torch.zeros(channels, channels, size, size, dtype=torch.bool)
    mask[:, :, :middle] = True
    mask[:, :, middle, :middle] = True
    mask[:, :, middle, middle] = torch.ones(channels, channels).tril(-1).bool()
    return mask


class MaskedConvolution(Layer):
    """Convolution whose Jacobian is triangular (after MintNet, Song et al., 2019).

    The normalising map is a convolution with the weights of `before_mask` alone, and a
    positive scale exp(-s) of each channel in the middle:

        z_i = exp(-s) x_i + (sum over what comes before i) + b,
        log|det dz/dx| = -sum(s) * pixels.

    `inverse` is one convolution. `forward` finds the entries one after the other, in
    the order of reading: dim passes. With `backwards` the order is the opposite one.
    MintNet adds up several such maps with monotone functions between them; here
    elementwise layers between two masked convolutions do that.

    Shapes: z and x (batch, channels * height * width); log_det (batch,).
    """

    constants = ("shape", "backwards")

    def __init__(self, shape: Shape, size: int = 3, backwards: bool = False) -> None:
        super().__init__()
        self.shape = expect_shape(shape, "MaskedConvolution")
        if size < 1 or size % 2 == 0:
            raise ValueError(f"MaskedConvolution expects an odd size, got {size}.")
        channels, height, width = self.shape
        self.dim = channels * height * width
        self.backwards = bool(backwards)
        self.weight = nn.Parameter(torch.zeros(channels, channels, size, size))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.log_scale = nn.Parameter(torch.zeros(channels))
        mask = before_mask(channels, size)
        order = torch.arange(self.dim).view(self.shape).permute(1, 2, 0).flatten()
        if self.backwards:
            mask = mask.flip(0, 1, 2, 3)
            order = order.flip(0)
        self.register_buffer("mask", mask)
        self.register_buffer("order", order, persistent=False)

    def seen(self, x: Tensor) -> Tensor:
        """Return what the entries before each entry add to it, and b: (batch, dim)."""
        weight = torch.where(self.mask, self.weight, 0.0)
        image = x.view(len(x), *self.shape)
        padding = self.weight.shape[-1] // 2
        return conv2d(image, weight, self.bias, padding=padding).flatten(1)

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x to z; also return log|det dz/dx|."""
        log_scale = self._log_scale()
        z = x * (-log_scale).exp() + self.seen(x)
        return z, -log_scale.sum().expand(len(x))

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map z to x; also return log|det dx/dz|."""
        log_scale = self._log_scale()
        x = torch.zeros_like(z)
        for entry in torch.eye(self.dim, device=z.device).bool()[self.order]:
            x = torch.where(entry, (z - self.seen(x)) * log_scale.exp(), x)
        return x, log_scale.sum().expand(len(z))

    def _log_scale(self) -> Tensor:
        channels, height, width = self.shape
        return self.log_scale.repeat_interleave(
            height * width, output_size=channels * height * width
        )
