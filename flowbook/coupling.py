"""Coupling layers: part of the vector is copied and decides how the rest is mapped."""

import torch
from torch import Tensor, nn

from flowbook.flow import Layer
from flowbook.nets import mlp


class Split(nn.Module):
    """Take a vector apart into the copied and the moved part, and put it together.

    Where the mask is 1 the entry is copied, where it is 0 it is moved. A mask whose
    parts are contiguous, such as (1, 1, 0), costs no reordering.

    Shapes: x (batch, dim); copied (batch, mask.sum()); moved (batch, the rest).
    """

    def __init__(self, mask: Tensor) -> None:
        super().__init__()
        mask = torch.as_tensor(mask).bool()
        if mask.ndim != 1 or mask.all() or not mask.any():
            raise ValueError(
                "A mask is a vector that copies some entries (1) and moves some (0); "
                f"got {mask.int().tolist()}."
            )
        self.dim = len(mask)
        self.copied = int(mask.sum())
        self.moved = self.dim - self.copied
        self.copied_first = bool(mask[0])
        first, last = (mask, ~mask) if self.copied_first else (~mask, mask)
        self.sizes = [int(first.sum()), int(last.sum())]
        order = torch.cat((first.nonzero(), last.nonzero()))[:, 0]
        self.contiguous = bool((order == torch.arange(self.dim)).all())
        self.register_buffer("order", order, persistent=False)
        self.register_buffer("back", order.argsort(), persistent=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the copied and the moved part of x."""
        if x.shape[-1] != self.dim:
            raise ValueError(
                f"Expected vectors of {self.dim} entries, got shape {tuple(x.shape)}."
            )
        if not self.contiguous:
            x = x.index_select(-1, self.order)
        first, last = x.split(self.sizes, -1)
        return (first, last) if self.copied_first else (last, first)

    def join(self, copied: Tensor, moved: Tensor) -> Tensor:
        """Undo the split."""
        parts = (copied, moved) if self.copied_first else (moved, copied)
        x = torch.cat(parts, -1)
        return x if self.contiguous else x.index_select(-1, self.back)


class AffineCoupling(Layer):
    """Affine coupling layer of RealNVP (Dinh et al., 2017).

    Where the mask is 1 the vector is copied, and that part alone sets the log-scale s
    and the shift t of the rest, on which

        x = z * exp(s) + t,    log|det dx/dz| = sum(s).

    An unbounded exp overflows early in training, so s = 5 tanh(r / 5) of the network's
    output r: s is r near 0, and no scale leaves (1/148, 148).

    Shapes: z and x (batch, dim); mask (dim,); log_det (batch,).
    """

    bound = 5.0

    def __init__(self, mask: Tensor, hidden: int = 64) -> None:
        super().__init__()
        self.split = Split(mask)
        outputs = 2 * self.split.moved
        self.conditioner = mlp(self.split.copied, hidden, outputs, zero_output=True)

    def log_scale_and_shift(self, copied: Tensor) -> tuple[Tensor, Tensor]:
        """Return s and t, each (batch, moved), given the part that is copied."""
        raw, shift = self.conditioner(copied).chunk(2, -1)
        return self.bound * torch.tanh(raw / self.bound), shift

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map z to x; also return log|det dx/dz|."""
        copied, moved = self.split(z)
        log_scale, shift = self.log_scale_and_shift(copied)
        moved = moved * log_scale.exp() + shift
        return self.split.join(copied, moved), log_scale.sum(-1)

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x to z; also return log|det dz/dx|."""
        copied, moved = self.split(x)
        log_scale, shift = self.log_scale_and_shift(copied)
        moved = (moved - shift) * (-log_scale).exp()
        return self.split.join(copied, moved), -log_scale.sum(-1)
