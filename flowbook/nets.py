"""Small networks that set the numbers of a layer: plain multilayer perceptrons."""

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn


def mlp(
    inputs: int,
    hidden: int,
    outputs: int,
    depth: int = 2,
    activation: Callable[[], nn.Module] = nn.ReLU,
    zero_output: bool = False,
) -> nn.Sequential:
    """Return a perceptron with `depth` hidden layers of width `hidden`.

    With `zero_output` the last layer starts at zero, so that a layer of a flow whose
    log-scales and shifts it gives starts as the identity. ReLU and SiLU are the
    activations to pick: on a CPU tanh costs fifty times as much as ReLU.

    Shapes: (..., inputs) -> (..., outputs).

    Raises:
        ValueError: a size or the depth is below 1.
    """
    sizes = {"inputs": inputs, "hidden": hidden, "outputs": outputs, "depth": depth}
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"mlp expects {name} of at least 1, got {size}.")
    widths = [inputs, *[hidden] * depth]
    modules: list[nn.Module] = []
    for before, after in pairwise(widths):
        modules += [nn.Linear(before, after), activation()]
    last = nn.Linear(hidden, outputs)
    if zero_output:
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
    return nn.Sequential(*modules, last)


class InBfloat16(nn.Module):
    """A network computed with numbers of 16 bits; what comes in and out keeps its own.

    Made for the conditioner of a coupling layer, or for an encoder: the layer's own
    sums and its log|det| stay in float32, and so the likelihood is exactly that of the
    layer whose network rounds. Its weights stay in float32, for the optimiser.

    Shapes: those of the network.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """Return the network's value in the dtype of x."""
        with torch.autocast(x.device.type, torch.bfloat16):
            return self.network(x).to(x.dtype)
