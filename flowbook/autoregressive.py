"""Autoregressive layers: each entry is mapped as the entries before it decide."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from flowbook.flow import Inverse, Layer
from flowbook.inputs import expect_order
from flowbook.splines import check_bins, spline, spline_inverse


class MaskedLinear(nn.Linear):
    """A linear map without the connections where the mask is 0.

    Shapes: (..., inputs) -> (..., outputs); mask (outputs, inputs).
    """

    def __init__(self, mask: Tensor) -> None:
        super().__init__(mask.shape[1], mask.shape[0])
        self.register_buffer("mask", mask.to(self.weight), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return x W^T + b with the masked W."""
        return linear(x, self.weight * self.mask, self.bias)


class MADE(nn.Module):
    """Masked autoencoder for distribution estimation (Germain et al., 2015).

    A perceptron whose i-th outputs depend only on the entries that come before entry
    i in the order. Each unit has a degree: that of an input is its position, 0 to
    dim - 1, and hidden units share out 0 to dim - 2. A hidden unit listens to units
    of its own or a lower degree, the outputs of an entry to hidden units of a
    strictly lower one. One pass so gives the outputs for every entry.

    A hidden layer narrower than dim - 1 cannot carry every allowed dependence. The
    outputs start at 0. The order is saved with the weights, which belong to it.

    Shapes: x (batch, dim) -> (batch, outputs, dim); order (dim,), first entry first.
    """

    def __init__(
        self, dim: int, hidden: Sequence[int], outputs: int, order: Tensor | None = None
    ) -> None:
        super().__init__()
        order = torch.arange(dim) if order is None else order
        order = expect_order(order, type(self).__name__, dim)
        self.dim, self.outputs, self.hidden = dim, outputs, tuple(hidden)
        self.register_buffer("order", order)
        modules: list[nn.Module] = []
        *masks, mask = self._masks()
        for each in masks:
            modules += [MaskedLinear(each), nn.ReLU(inplace=True)]
        last = MaskedLinear(mask)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.network = nn.Sequential(*modules, last)
        self.register_load_state_dict_post_hook(MADE._set_masks)

    def _masks(self) -> list[Tensor]:
        """Return the mask of each linear map, which the order decides."""
        position = self.order.argsort()
        degrees = [position]
        for width in self.hidden:
            unit = torch.arange(width, device=position.device)
            degrees.append(unit * (self.dim - 1) // width)
        masks = [after[:, None] >= before for before, after in pairwise(degrees)]
        return [*masks, position.repeat(self.outputs)[:, None] > degrees[-1]]

    def _set_masks(self, _keys: object = None) -> None:
        """Follow an order that was loaded."""
        for module, mask in zip(self.network[::2], self._masks(), strict=True):
            module.mask = mask.to(module.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs for every entry."""
        if x.shape[-1] != self.dim:
            raise ValueError(
                f"Expected vectors of {self.dim} entries, got shape {tuple(x.shape)}."
            )
        return self.network(x).view(*x.shape[:-1], self.outputs, self.dim)


class Autoregressive(Layer):
    """What autoregressive layers share: x_i is a monotone map of z_i, set by x_<i.

    The Jacobian is triangular in the order of the entries, so its log|det| is the sum
    of the log-slopes. `inverse` needs one pass through the conditioner, because it
    knows all of x; `forward` needs dim passes, each of which settles one entry.

    Subclasses say how the conditioner's numbers map a vector, entry by entry.

    Shapes: z and x (batch, dim); order (dim,), first entry first; log_det (batch,).
    """

    def __init__(
        self, dim: int, hidden: Sequence[int], outputs: int, order: Tensor | None
    ) -> None:
        super().__init__()
        self.dim = dim
        self.conditioner = MADE(dim, hidden, outputs, order)

    @property
    def order(self) -> Tensor:
        """The order of the entries, shape (dim,), first entry first."""
        return self.conditioner.order

    @abstractmethod
    def transform(self, z: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Map z entry by entry, given (batch, outputs, dim); also the log-slopes."""

    @abstractmethod
    def untransform(self, x: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Undo `transform`; also return the log-slopes of that."""

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map z to x; also return log|det dx/dz|."""
        x = torch.zeros_like(z)
        for entry in torch.eye(z.shape[-1], device=z.device).bool()[self.order]:
            value, log_slope = self.transform(z, self.conditioner(x))
            x = torch.where(entry, value, x)
        # In the last pass the conditioner saw every entry that it looks at.
        return x, log_slope.sum(-1)

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x to z; also return log|det dz/dx|."""
        z, log_slope = self.untransform(x, self.conditioner(x))
        return z, log_slope.sum(-1)


class AffineAutoregressive(Autoregressive):
    """Masked autoregressive flow (Papamakarios et al., 2017).

        x_i = z_i exp(s_i) + t_i,    log|det dx/dz| = sum(s),

    where s_i and t_i are functions of the entries of x before i: a Gaussian
    autoregressive model, written as a flow. As in `AffineCoupling`, s = 5 tanh(r / 5)
    of the network's output r.

    Shapes: z and x (batch, dim); order (dim,), first entry first; log_det (batch,).
    """

    bound = 5.0
    constants = ("bound",)

    def __init__(
        self, dim: int, hidden: Sequence[int] = (64, 64), order: Tensor | None = None
    ) -> None:
        super().__init__(dim, hidden, 2, order)

    def transform(self, z: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Return z exp(s) + t and s."""
        log_scale, shift = self._log_scale_and_shift(raw)
        return z * log_scale.exp() + shift, log_scale

    def untransform(self, x: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Return (x - t) exp(-s) and -s."""
        log_scale, shift = self._log_scale_and_shift(raw)
        return (x - shift) * (-log_scale).exp(), -log_scale

    def _log_scale_and_shift(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        raw, shift = raw.unbind(-2)
        return self.bound * torch.tanh(raw / self.bound), shift


class InverseAffineAutoregressive(Inverse):
    """Inverse autoregressive flow (Kingma et al., 2016).

    The map of `AffineAutoregressive` the other way round,

        x_i = (z_i - t_i) exp(-s_i),    log|det dx/dz| = -sum(s),

    where s_i and t_i are functions of the entries of z before i. Samples take one
    pass, and the density of a given point takes dim.

    Shapes: z and x (batch, dim); order (dim,), first entry first; log_det (batch,).
    """

    def __init__(
        self, dim: int, hidden: Sequence[int] = (64, 64), order: Tensor | None = None
    ) -> None:
        super().__init__(AffineAutoregressive(dim, hidden, order))


class SplineAutoregressive(Autoregressive):
    """Autoregressive layer with rational-quadratic splines (Durkan et al., 2019).

        z_i = spline_i(x_i),    log|det dz/dx| = sum(log spline_i'(x_i)),

    where the 3K - 1 numbers of spline i are functions of the entries of x before i.
    Each is the identity outside [-bound, bound].

    Shapes: z and x (batch, dim); order (dim,), first entry first; log_det (batch,).
    """

    constants = ("bound",)

    def __init__(
        self,
        dim: int,
        hidden: Sequence[int] = (64, 64),
        order: Tensor | None = None,
        bins: int = 8,
        bound: float = 5.0,
    ) -> None:
        check_bins(bins, bound)
        super().__init__(dim, hidden, 3 * bins - 1, order)
        self.bound = bound

    def transform(self, z: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Return the inverse splines' values at z and their log-slopes."""
        return self._batch_last(spline_inverse, z, raw)

    def untransform(self, x: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Return the splines' values at x and their log-slopes."""
        return self._batch_last(spline, x, raw)

    def _batch_last(
        self, function: Callable[..., tuple[Tensor, Tensor]], x: Tensor, raw: Tensor
    ) -> tuple[Tensor, Tensor]:
        raw = raw.permute(1, 2, 0).contiguous()
        value, log_slope = function(x.mT, raw, self.bound)
        return value.mT, log_slope.mT
