"""Coupling layers: part of the vector is copied and decides how the rest is mapped."""

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, linear

from flowbook.constants import Constants
from flowbook.flow import Layer
from flowbook.nets import mlp
from flowbook.splines import check_bins, spline, spline_inverse


def alternating_mask(dim: int, parity: int = 0) -> Tensor:
    """Return the mask that copies the entries whose index is even (0) or odd (1)."""
    return torch.arange(dim) % 2 == parity % 2


def half_mask(dim: int, parity: int = 0) -> Tensor:
    """Return the mask that copies the first (0) or the second (1) half."""
    return (torch.arange(dim) >= (dim + 1) // 2) == bool(parity % 2)


class Split(nn.Module):
    """Take a vector apart into the copied and the moved part, and put it together.

    Where the mask is 1 the entry is copied, where it is 0 it is moved. A mask whose
    parts are contiguous, such as (1, 1, 0), costs no reordering. The mask is saved
    with the weights, which belong to it.

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
        self.register_buffer("mask", mask.clone())
        self._set_order()
        self.register_load_state_dict_post_hook(Split._set_order)

    def _set_order(self, _keys: object = None) -> None:
        """Work out where the parts lie, of this mask or of one that was loaded."""
        mask = self.mask
        self.copied = int(mask.sum())
        self.moved = self.dim - self.copied
        self.copied_first = bool(mask[0])
        first, last = (mask, ~mask) if self.copied_first else (~mask, mask)
        self.sizes = [int(first.sum()), int(last.sum())]
        order = torch.cat((first.nonzero(), last.nonzero()))[:, 0]
        self.contiguous = bool(
            (order == torch.arange(self.dim, device=order.device)).all()
        )
        self.register_buffer("order", order, persistent=False)
        self.register_buffer("back", order.argsort(), persistent=False)

    def apart(self, x: Tensor) -> tuple[Tensor, Tensor]:
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
        """Undo `apart`."""
        parts = (copied, moved) if self.copied_first else (moved, copied)
        x = torch.cat(parts, -1)
        return x if self.contiguous else x.index_select(-1, self.back)


class Conditioner(Constants):
    """The perceptron that maps the copied part to the numbers of a layer.

    It is `flowbook.nets.mlp`, and it starts at zero, so that the layers here start as
    the identity. Its matrices and biases are views of one vector: an optimiser steps
    one tensor instead of six. The first two matrices lie there transposed, ready to
    multiply; the last does not, because a product by a matrix of two columns is slow.
    With that, and with a ReLU that overwrites its input, which no gradient needs, an
    affine step takes a fifth less time. In training mode a share `dropout` of the
    hidden units is left out, another one in each pass.

    Shapes: (batch, inputs) -> (batch, outputs).
    """

    constants = ("sizes",)  # other ones may add up to a vector of the same length

    def __init__(
        self, inputs: int, hidden: int, outputs: int, dropout: float = 0.0
    ) -> None:
        super().__init__()
        if not 0 <= dropout < 1:
            raise ValueError(f"A dropout is at least 0 and below 1, got {dropout}.")
        self.dropout = float(dropout)
        parts = list(mlp(inputs, hidden, outputs, zero_output=True).parameters())
        parts[0], parts[2] = parts[0].mT, parts[2].mT
        self.shapes = [part.shape for part in parts]
        self.sizes = [part.numel() for part in parts]
        vector = torch.cat([part.detach().flatten() for part in parts])
        self.weights = nn.Parameter(vector)

    def parts(self) -> list[Tensor]:
        """Return matrix, bias, matrix, bias, ... with matrices as `nn.Linear` has."""
        pairs = zip(self.weights.split(self.sizes), self.shapes, strict=True)
        w1, b1, w2, b2, w3, b3 = [part.view(shape) for part, shape in pairs]
        return [w1.mT, b1, w2.mT, b2, w3, b3]

    def forward(self, x: Tensor) -> Tensor:
        """Return the network's outputs."""
        w1, b1, w2, b2, w3, b3 = self.weights.split(self.sizes)
        first, _, second, _, last, _ = self.shapes
        x = torch.addmm(b1, x, w1.view(first)).relu_()
        if self.dropout:
            x = dropout(x, self.dropout, self.training)
        x = torch.addmm(b2, x, w2.view(second)).relu_()
        if self.dropout:
            x = dropout(x, self.dropout, self.training)
        return linear(x, w3.view(last), b3)


class AdditiveCoupling(Layer):
    """Additive coupling layer of NICE (Dinh et al., 2015).

    Where the mask is 1 the vector is copied, and that part alone sets the shift t of
    the rest, on which

        x = z + t,    log|det dx/dz| = 0.

    The layer preserves volume. NICE ends with one `flowbook.linear.Diagonal`, which
    is all that lets its density be higher in one place than the base's anywhere.

    Shapes: z and x (batch, dim); mask (dim,); log_det (batch,).
    """

    def __init__(self, mask: Tensor, hidden: int = 64) -> None:
        super().__init__()
        self.split = Split(mask)
        self.dim = self.split.dim
        self.conditioner = Conditioner(self.split.copied, hidden, self.split.moved)

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map z to x; also return log|det dx/dz| = 0."""
        copied, moved = self.split.apart(z)
        moved = moved + self.conditioner(copied)
        return self.split.join(copied, moved), z.new_zeros(len(z))

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x to z; also return log|det dz/dx| = 0."""
        copied, moved = self.split.apart(x)
        moved = moved - self.conditioner(copied)
        return self.split.join(copied, moved), x.new_zeros(len(x))


class AffineCoupling(Layer):
    """Affine coupling layer of RealNVP (Dinh et al., 2017).

    Where the mask is 1 the vector is copied, and that part alone sets the log-scale s
    and the shift t of the rest, on which

        x = z * exp(s) + t,    log|det dx/dz| = sum(s).

    The exponential of a network's output r overflows early in training, so that
    s = 5 tanh(r / 5): it is r near 0, and no scale leaves (1/148, 148).

    Shapes: z and x (batch, dim); mask (dim,); log_det (batch,).
    """

    bound = 5.0
    constants = ("bound",)

    def __init__(self, mask: Tensor, hidden: int = 64, dropout: float = 0.0) -> None:
        super().__init__()
        self.split = Split(mask)
        self.dim = self.split.dim
        outputs = 2 * self.split.moved
        self.conditioner = Conditioner(self.split.copied, hidden, outputs, dropout)

    def log_scale_and_shift(
        self, copied: Tensor, sign: float = 1.0
    ) -> tuple[Tensor, Tensor]:
        """Return sign * s and t, each (batch, moved), given the part that is copied."""
        raw, shift = self.conditioner(copied).chunk(2, -1)
        return sign * self.bound * torch.tanh(raw / self.bound), shift

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map z to x; also return log|det dx/dz|."""
        copied, moved = self.split.apart(z)
        log_scale, shift = self.log_scale_and_shift(copied)
        moved = moved * log_scale.exp() + shift
        return self.split.join(copied, moved), log_scale.sum(-1)

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x to z; also return log|det dz/dx|."""
        copied, moved = self.split.apart(x)
        minus_log_scale, shift = self.log_scale_and_shift(copied, sign=-1.0)
        moved = (moved - shift) * minus_log_scale.exp()
        return self.split.join(copied, moved), minus_log_scale.sum(-1)


class SplineCoupling(Layer):
    """Coupling layer with rational-quadratic splines (Durkan et al., 2019).

    Where the mask is 1 the vector is copied, and that part alone sets, for each entry
    of the rest, the 3K - 1 numbers of a spline with K bins on [-bound, bound]:

        z = spline(x),    log|det dz/dx| = sum(log spline'(x)).

    The spline is the normalising direction, because training takes that one and its
    inverse has a root to find. Outside the interval the map is the identity: shift
    and scale the data first, so that they lie inside.

    Shapes: z and x (batch, dim); mask (dim,); log_det (batch,).
    """

    constants = ("bound",)

    def __init__(
        self,
        mask: Tensor,
        hidden: int = 64,
        bins: int = 8,
        bound: float = 5.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        check_bins(bins, bound)
        self.split = Split(mask)
        self.dim = self.split.dim
        self.bound = bound
        self.parameters_each = 3 * bins - 1
        outputs = self.parameters_each * self.split.moved
        self.conditioner = Conditioner(self.split.copied, hidden, outputs, dropout)

    def spline_parameters(self, copied: Tensor) -> Tensor:
        """Return the splines' raw parameters, (3K - 1, moved, batch)."""
        # The batch goes last, and contiguously: see flowbook.splines.
        raw = self.conditioner(copied).mT.contiguous()
        return raw.view(self.parameters_each, self.split.moved, len(copied))

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map z to x; also return log|det dx/dz|."""
        copied, moved = self.split.apart(z)
        raw = self.spline_parameters(copied)
        moved, log_slope = spline_inverse(moved.mT, raw, self.bound)
        return self.split.join(copied, moved.mT), log_slope.sum(0)

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x to z; also return log|det dz/dx|."""
        copied, moved = self.split.apart(x)
        raw = self.spline_parameters(copied)
        moved, log_slope = spline(moved.mT, raw, self.bound)
        return self.split.join(copied, moved.mT), log_slope.sum(0)
