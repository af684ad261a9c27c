"""What models of any family can be compared by, likelihood or not."""

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from flowbook.adversarial import wasserstein
from flowbook.flow import Flow
from flowbook.nets import mlp
from flowbook.training import fit, seeded

RECORDED = Path(__file__).with_name("comparison.json")


def mean_and_error(values: Tensor) -> tuple[float, float]:
    """Return the mean of numbers of independent points, and its standard error."""
    error = values.std() / math.sqrt(len(values))
    return values.mean().item(), error.item()


def transport(
    draw: Callable[[int, int], Tensor], reference: Callable[[int, int], Tensor]
) -> tuple[float, float]:
    """Return W₁ of 500 points against 500, the mean of four pairs and its error.

    Both functions take a number of points and a seed.
    """
    pairs = [wasserstein(draw(500, 10 + k), reference(500, 20 + k)) for k in range(4)]
    return mean_and_error(torch.tensor(pairs))


def two_sample_accuracy(
    real: Tensor, fake: Tensor, new_real: Tensor, new_fake: Tensor, decay: float = 0.0
) -> float:
    """Return how often a network tells new data from new samples: 1/2 if it cannot.

    It is trained on as many data as samples (Lopez-Paz and Oquab, 2017). No classifier
    does better, on average, than 1/2 + total variation / 2. Shapes: all (n, dim).
    """
    both = torch.cat((real, fake)).float()
    mean, scale = both.mean(0), both.std(0).clamp_min(1e-3)
    is_real = (torch.arange(len(both)) < len(real)).to(both)
    rows = torch.cat(((both - mean) / scale, is_real[:, None]), 1)
    with seeded(0, both.device):
        judge = mlp(real.shape[1], 64, 1)
    settings = {"steps": 300, "batch": 256, "lr": 5e-3, "weight_decay": decay}
    fit(judge, rows, loss=_judged, progress=False, **settings)
    with torch.no_grad():
        right = [
            (judge((x.float() - mean) / scale)[:, 0] > 0) == answer
            for x, answer in ((new_real, True), (new_fake, False))
        ]
    return torch.cat(right).double().mean().item()


def _judged(judge: nn.Module, rows: Tensor) -> Tensor:
    logit = judge(rows[:, :-1])[:, 0]
    return functional.binary_cross_entropy_with_logits(logit, rows[:, -1])


def nearest_distance(x: Tensor, train: Tensor) -> Tensor:
    """Return the distance of each x to the nearest of the training points, (n,)."""
    return torch.cdist(x.float(), train.float()).amin(1)


def nearest_label(x: Tensor, train: Tensor, labels: Tensor) -> Tensor:
    """Return the label of the nearest training point of each x, (n,)."""
    return labels[torch.cdist(x.float(), train.float()).argmin(1)]


def probe_accuracy(
    codes: Tensor, labels: Tensor, new_codes: Tensor, new_labels: Tensor
) -> float:
    """Return how many new labels a linear classifier reads from the codes.

    Softmax regression with a little weight decay, on codes of mean 0 and deviation 1.
    Shapes: codes (n, latent), labels (n,).
    """
    mean, scale = codes.mean(0), codes.std(0).clamp_min(1e-3)
    codes, new_codes = ((c - mean) / scale for c in (codes, new_codes))
    with seeded(0, codes.device):
        linear = nn.Linear(codes.shape[1], int(labels.max()) + 1).to(codes)
    optimizer = torch.optim.LBFGS(linear.parameters(), max_iter=100)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = functional.cross_entropy(linear(codes), labels)
        loss = loss + 1e-3 * linear.weight.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    found = linear(new_codes).argmax(1)
    return (found == new_labels).double().mean().item()


def processor_ms(call: Callable[[], Any], repeat: int = 3) -> float:
    """Return the least processor time of some calls in milliseconds.

    The first call warms up, and is the only one if it takes longer than 0.2 seconds.
    """
    found: list[float] = []
    while len(found) <= repeat and (not found or found[0] < 0.2):
        start = time.process_time()
        call()
        found.append(time.process_time() - start)
    return 1e3 * min(found)


def stored_bytes(call: Callable[[], Any], model: nn.Module) -> int:
    """Return what autograd keeps of a call for the backward pass, no parameters.

    A tensor that shares its memory with another one is counted once.
    """
    own = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        place = tensor.untyped_storage().data_ptr()
        if place not in own:
            kept.setdefault(place, tensor)  # held, or its place would be used again
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        result = call()  # kept until everything is counted
    total = sum(t.untyped_storage().nbytes() for t in kept.values())
    del result
    return total


def multiplications(call: Callable[[], Any]) -> int:
    """Return the multiplications in the matrix products and convolutions of a call.

    Elementwise operations, which a network has few of, are left out.
    """
    with FlopCounterMode(display=False) as counter:
        call()
    return counter.get_total_flops() // 2  # it counts each addition as well


def recomputed_bytes(flow: Flow, x: Tensor) -> int:
    """Return what a flow keeps if each layer is computed again on the way back.

    That are the inputs of all layers, and what one layer needs, while it has its turn.
    """
    inputs, most = 0, 0
    for layer in reversed(flow.layers):
        x = x.detach().requires_grad_()
        inputs += x.nbytes
        most = max(most, stored_bytes(lambda x=x, layer=layer: layer.inverse(x), layer))
        x = layer.inverse(x)[0]
    return inputs + most


def recorded() -> dict[str, Any]:
    """Return what `bench/zoo.py` found: date, machine, versions, and "rows".

    "rows" maps what was fitted ("digits", or a density of the zoo) and a model to what
    was measured.
    """
    return json.loads(RECORDED.read_text("utf8"))
