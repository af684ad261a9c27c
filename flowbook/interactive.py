"""Figures that move: a still picture, and the numbers behind it.

A chapter gives what it has just computed, trained weights and points; the small scripts
in web/interactive/ evaluate the same formulas in the browser, on a page of the book and
in a running notebook. In print and without scripts the still picture is shown.
"""

import json
import math
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from flowbook.coupling import (
    AdditiveCoupling,
    AffineCoupling,
    Conditioner,
    SplineCoupling,
)
from flowbook.elementwise import ElementwiseAffine
from flowbook.figure_scripts import for_notebook
from flowbook.flow import Flow, Layer
from flowbook.latent import VAE
from flowbook.likelihoods import DiscretizedLogistic
from flowbook.linear import Diagonal
from flowbook.plots.style import PageFigure
from flowbook.splines import SMALLEST

Data = dict[str, Any]


class InteractiveFigure:
    """A figure that moves where scripts run, and stands still everywhere else.

    `kind` names the script, `data` is what it reads, as JSON; `still` is the picture.
    """

    def __init__(self, kind: str, data: Data, still: PageFigure) -> None:
        self.kind, self.data, self.still = kind, data, still

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> tuple[dict[str, str], dict[str, dict[str, int]]]:
        """Return the still picture, and HTML with it, the data and the scripts."""
        bundle, metadata = self.still._repr_mimebundle_()
        size = "".join(f' {k}="{v}"' for k, v in metadata["image/png"].items())
        # A data address, because a notebook keeps no files. The page's extension
        # replaces the whole tag by the SVG, with the alternative text of the cell.
        picture = f"data:image/png;base64,{bundle['image/png']}"
        still = f'<img class="still" alt="A still picture"{size} src="{picture}">'
        html = self.to_html(still) + for_notebook(self.kind)
        return {**bundle, "text/html": html}, metadata

    def to_html(self, still: str) -> str:
        """Return the element that the script of this kind brings to life."""
        # In a script element only "<" could be read as HTML.
        data = json.dumps(self.data, separators=(",", ":")).replace("<", "\\u003c")
        return (
            f'<div class="interactive" data-figure="{self.kind}">{still}'
            '<div class="live"></div>'
            f'<script type="application/json">{data}</script></div>'
        )

    def kilobytes(self) -> float:
        """The weight of the data on the page, in units of 1000 bytes."""
        return len(json.dumps(self.data, separators=(",", ":"))) / 1000


def determinant(matrix: Tensor, still: PageFigure) -> InteractiveFigure:
    """Let the columns of a matrix be dragged, and show the area that they span.

    Shapes: matrix (2, 2).
    """
    if matrix.shape != (2, 2):
        raise ValueError(
            f"A determinant of the plane has shape (2, 2), got {tuple(matrix.shape)}."
        )
    return InteractiveFigure("determinant", {"columns": matrix.T.tolist()}, still)


def map_of_line(
    edges: Tensor, slope: float, bend: float, still: PageFigure
) -> InteractiveFigure:
    """Let the map with f⁻¹(x) = slope x + bend x³ be bent by hand.

    Strips of equal mass, between neighbouring `edges` (k,) of z, move along. The base
    is the standard normal; the figure starts with the numbers given.
    """
    if slope <= 0 or bend < 0:
        raise ValueError(
            "The map increases if slope > 0 and bend >= 0; got "
            f"slope={slope}, bend={bend}."
        )
    data = {"edges": edges.tolist(), "slope": slope, "bend": bend}
    return InteractiveFigure("map", data, still)


def flow_steps(
    flows: Mapping[str, Flow],
    z: Tensor,
    x: Tensor,
    still: PageFigure,
    kinds: Tensor | None = None,
    circle: float | None = None,
) -> InteractiveFigure:
    """Let density and points flow through the layers of trained flows of the plane.

    `z` are points of the base, to be pushed forward, `x` data, to be pulled back.
    Data may have `kinds`, numbers that choose their colours; a `circle` around the
    origin of the base has this radius. Every base is taken as the standard normal.

    Shapes: z and x (n, 2); kinds (n,) of integers.

    Raises:
        ValueError: a layer is none of those that the page's script knows.
    """
    data = {
        "flows": {
            name: [_layer(each) for each in flow.layers] for name, flow in flows.items()
        },
        "z": packed(z),
        "x": packed(x),
        "kinds": None if kinds is None else kinds.tolist(),
        "circle": circle,
    }
    return InteractiveFigure("flow", data, still)


def coupling_layers(
    layers: Mapping[str, Layer], start: Tensor, still: PageFigure
) -> InteractiveFigure:
    """Let a point of the plane be moved, and watch what coupling layers make of it.

    Shapes: start (2,).

    Raises:
        ValueError: a layer is no coupling that copies the first coordinate.
    """
    data = {name: _layer(layer) for name, layer in layers.items()}
    if any(each.get("copied") != 0 for each in data.values()):
        raise ValueError("Every layer of this figure must copy the first coordinate.")
    return InteractiveFigure(
        "coupling", {"layers": data, "start": start.tolist()}, still
    )


def cobweb(
    x: float, slope: float, start: float, still: PageFigure
) -> InteractiveFigure:
    """Let the iteration z <- x - slope sin(z) run, beside Banach's bound."""
    data = {"x": x, "slope": slope, "start": start}
    return InteractiveFigure("cobweb", data, still)


def drift(path: Tensor, log_prob: Tensor, still: PageFigure) -> InteractiveFigure:
    """Let points follow their paths from t = 0 to 1, and show one's log-density.

    Shapes: path (times, n, 2), at equal distances of time; log_prob (times, n), the
    log-density of each point at that time.
    """
    if path.shape[:2] != log_prob.shape:
        raise ValueError(
            f"A drift expects a log-density for each point, {tuple(path.shape[:2])}, "
            f"got {tuple(log_prob.shape)}."
        )
    data = {"path": packed(path), "log_prob": packed(log_prob)}
    return InteractiveFigure("drift", data, still)


def latent_plane(
    vae: VAE, codes: Tensor, labels: Tensor, start: Tensor, still: PageFigure
) -> InteractiveFigure:
    """Let a point move in the plane of two latents, and the decoded image follow.

    The shell drawn holds the middle half of the prior's mass by its distance from the
    centre: |z|² is chi-square with two degrees of freedom, so mass m lies within
    sqrt(-2 log(1 - m)).

    Shapes: codes (n, 2), labels (n,) of integers, start (2,).

    Raises:
        ValueError: the model has not two latents, or another likelihood.
    """
    if vae.latent != 2 or not isinstance(vae.likelihood, DiscretizedLogistic):
        raise ValueError(
            "A latent plane expects a VAE with 2 latents and a DiscretizedLogistic "
            f"likelihood; got {vae.latent} and {type(vae.likelihood).__name__}."
        )
    data = {
        "decoder": _perceptron(vae.decoder),
        "levels": vae.likelihood.levels,
        "codes": packed(codes),
        "labels": labels.tolist(),
        "start": start.tolist(),
        "shell": [math.sqrt(-2 * math.log1p(-mass)) for mass in (0.25, 0.75)],
    }
    return InteractiveFigure("latent", data, still)


def encode_draw_decode(
    encoder: nn.Sequential,
    decoder: nn.Sequential,
    images: Tensor,
    labels: Tensor,
    start: int,
    still: PageFigure,
) -> InteractiveFigure:
    """Let an image be encoded by a VAE with two latents, and draws of z be decoded.

    The encoder gives two means and two logarithms of standard deviations, the decoder
    a logit of ink for each of 64 pixels; both have ReLU between their linear maps. The
    page computes the exact posterior beside q, by a sum over the plane.

    Shapes: images (n, 64) of zeros and ones; labels (n,) of integers; `start` is the
    row that is shown first.

    Raises:
        ValueError: a network has other sizes.
    """
    nets = _perceptron(encoder), _perceptron(decoder)
    sizes = [net["widths"][end] for net in nets for end in (0, -1)]
    if sizes != [64, 4, 2, 64]:
        raise ValueError(
            "encode_draw_decode expects an encoder from 64 to 4 numbers and a decoder "
            f"from 2 to 64; got {sizes[0]} to {sizes[1]} and {sizes[2]} to {sizes[3]}."
        )
    data = {
        "encoder": nets[0],
        "decoder": nets[1],
        "images": packed(images),
        "labels": labels.tolist(),
        "start": start,
    }
    return InteractiveFigure("vae", data, still)


def beta_curve(
    x: Tensor, digits: Tensor, sigma: float, beta: float, still: PageFigure
) -> InteractiveFigure:
    """Let beta move along the rate-distortion curve of the best linear beta-VAE of x.

    Below each of the ten digits stands what the model decodes from the mean of its
    code: along eigenvector i the deviation from the mean shrinks by
    1 - beta sigma² / variance i, and to nothing where the variance is smaller.

    Shapes: x (n, 64) and digits (10, 64), ink from 0 to 1.
    """
    centred = x - x.mean(0)
    values, vectors = torch.linalg.eigh(centred.T @ centred / len(x))
    data = {
        "variances": packed(values.flip(0).clamp(min=0)),
        "vectors": packed(vectors.flip(1)),
        "mean": packed(x.mean(0)),
        "codes": packed((digits - x.mean(0)) @ vectors.flip(1)),
        "sigma2": sigma**2,
        "beta": beta,
        "range": [0.25, 16.0],
    }
    return InteractiveFigure("beta", data, still)


def distance(start: float, most: float, still: PageFigure) -> InteractiveFigure:
    """Let N(d, 1) move away from N(0, 1): divergences, and what a generator feels.

    The page computes all of it, by quadrature; d runs from 0 to `most`.
    """
    if not 0 <= start <= most:
        raise ValueError(f"A start lies between 0 and most; got {start} and {most}.")
    return InteractiveFigure("distance", {"start": start, "most": most}, still)


def packed(tensor: Tensor) -> Data:
    """Return a tensor as its shape and its float32 numbers in base64."""
    numbers = tensor.detach().cpu().to(torch.float32).contiguous().numpy()
    return {
        "shape": list(tensor.shape),
        "float32": b64encode(numbers.astype("<f4").tobytes()).decode(),
    }


def _layer(layer: Layer) -> Data:
    if isinstance(layer, (Diagonal, ElementwiseAffine)):
        moved, _ = layer(torch.stack((torch.zeros(2), torch.ones(2))).to(_dtype(layer)))
        shift, end = moved.detach().tolist()
        scale = [b - a for a, b in zip(shift, end, strict=True)]
        return {"type": "scale", "scale": scale, "shift": shift}
    names = {AdditiveCoupling: "additive", AffineCoupling: "affine"}
    names[SplineCoupling] = "spline"
    if type(layer) not in names:
        raise ValueError(
            "An interactive flow has coupling layers, Diagonal and ElementwiseAffine; "
            f"got {type(layer).__name__}."
        )
    data = {"type": names[type(layer)], "copied": int(not layer.split.copied_first)}
    if not isinstance(layer, AdditiveCoupling):
        data["bound"] = layer.bound
    if isinstance(layer, SplineCoupling):
        data["smallest"] = SMALLEST
    return data | {"net": _perceptron(layer.conditioner)}


def _perceptron(net: Conditioner | nn.Sequential) -> Data:
    # Matrix and bias of each linear map in turn: both kinds of network keep this order.
    parts = net.parts() if isinstance(net, Conditioner) else list(net.parameters())
    widths = [parts[0].shape[1], *(len(bias) for bias in parts[1::2])]
    weights = torch.cat([part.flatten() for part in parts])
    return {"widths": widths, "weights": packed(weights)}


def _dtype(layer: nn.Module) -> torch.dtype:
    return next(layer.parameters()).dtype
