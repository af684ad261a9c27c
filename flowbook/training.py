"""Training: one loop that serves every model of the book that has parameters."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from tqdm import trange

from flowbook.inputs import expect_count, expect_rows, seed_number

WARM_UP_STEPS = 100
CLIP_NORM = 10.0


@dataclass(frozen=True, repr=False)
class History:
    """What a training run leaves behind.

    `loss` holds the loss of every step's batch, shape (steps,), on the CPU; `seconds`
    is the wall time of the loop.
    """

    loss: Tensor
    seconds: float

    @property
    def steps(self) -> int:
        """The number of steps taken."""
        return len(self.loss)

    def __repr__(self) -> str:
        tail = self.loss[-max(1, self.steps // 20) :].mean()
        return (
            f"History({self.steps} steps in {self.seconds:.1f} s, "
            f"loss {self.loss[0]:.4f} -> {tail:.4f})"
        )


def negative_log_likelihood(model: nn.Module, batch: Tensor) -> Tensor:
    """Return the mean of -log p(x) over the batch, in nats: a scalar tensor."""
    return -model.log_prob(batch).mean()


def fit(
    model: nn.Module,
    data: Tensor,
    *,
    steps: int = 2000,
    batch: int = 512,
    lr: float = 5e-3,
    seed: int = 0,
    loss: Callable[[nn.Module, Tensor], Tensor] = negative_log_likelihood,
    weight_decay: float = 0.0,
    progress: bool = True,
) -> History:
    """Minimise the loss of the model on batches of the data, and return the losses.

    The recipe: Adam with decoupled weight decay, a short linear warm-up of the
    learning rate to `lr`, then a cosine to 0, and the gradient's norm clipped at 10.
    Each epoch visits the rows in a new order; a last, smaller batch is left out.
    The model is moved to the device and dtype of the data, is in training mode while
    it is fitted and in evaluation mode afterwards. The same call on the same model
    gives the same result: the order of the rows and every draw that the loss makes
    from torch's own generator follow `seed`, and that generator is then put back.

    A graph that the data carry is left out: only the model is trained.

    Shapes: data (n, dim); the loss maps (model, rows of data) to a scalar.

    Raises:
        TypeError: the data are no tensor, or steps, batch or seed no integer.
        ValueError: nothing to train, no steps, a rate that is not positive, a loss that
            is not one number, or data that are empty, not finite, no floating-point
            numbers or of another shape.
        FloatingPointError: the loss or its gradient is not finite; names the step.
            The parameters are then those that gave this loss.
    """
    check_data(data)
    _check_numbers(lr, weight_decay)
    steps = expect_count(steps, "fit", least=1, name="steps")
    batch = expect_count(batch, "fit", least=1, name="batch")
    data, seed = data.detach(), seed_number(seed)
    model.to(data.device, data.dtype)
    parameters = [p for p in model.parameters() if p.requires_grad]
    if not parameters:
        raise ValueError("fit expects a model with parameters to train, got none.")
    optimizer = torch.optim.AdamW(parameters, weight_decay=weight_decay, fused=True)
    losses, start = [], time.perf_counter()
    model.train()
    with (
        seeded(seed, data.device),
        trange(steps, disable=not progress, mininterval=0.5) as bar,
    ):
        for step, rows in zip(bar, row_batches(data, batch, seed), strict=False):
            optimizer.param_groups[0]["lr"] = learning_rate(step, steps, lr)
            losses.append(_update(optimizer, parameters, loss(model, rows), step))
            bar.set_postfix_str(f"loss {losses[-1]:.3f}", refresh=False)
    model.eval()
    return History(torch.tensor(losses, device="cpu"), time.perf_counter() - start)


def learning_rate(step: int, steps: int, peak: float) -> float:
    """Return the rate of a step: linear up to the peak, then a cosine to 0.

    The rise takes a tenth of the steps, at most 100; steps count from 0.
    """
    rise = min(WARM_UP_STEPS, max(1, steps // 10))
    if step < rise:
        return peak * (step + 1) / rise
    return peak * 0.5 * (1 + math.cos(math.pi * (step + 1 - rise) / (steps + 1 - rise)))


def _update(
    optimizer: torch.optim.Optimizer,
    parameters: list[Tensor],
    value: Tensor,
    step: int,
) -> float:
    if value.ndim:
        raise ValueError(
            f"fit expects a loss that is one number, got shape {tuple(value.shape)}."
        )
    if not value.isfinite():
        raise FloatingPointError(f"The loss is {value.item()} at step {step}.")
    optimizer.zero_grad()
    value.backward()
    norm = nn.utils.clip_grad_norm_(parameters, CLIP_NORM)
    if not norm.isfinite():
        raise FloatingPointError(f"The gradient's norm is {norm} at step {step}.")
    optimizer.step()
    return value.item()


def row_batches(data: Tensor, batch: int, seed: int) -> Iterator[Tensor]:
    """Yield batches of rows for ever, each pass over the data in a new order."""
    # Indexing one tensor: a DataLoader costs seventy times as much a batch.
    generator = torch.Generator(data.device).manual_seed(seed)
    batch = min(batch, len(data))
    while True:
        order = torch.randperm(len(data), generator=generator, device=data.device)
        for start in range(0, len(data) - batch + 1, batch):
            yield data[order[start : start + batch]]


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch's own generators inside, and put them back afterwards."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        yield


def _check_numbers(lr: float, weight_decay: float) -> None:
    if not 0 < lr < math.inf or not 0 <= weight_decay < math.inf:
        raise ValueError(
            "fit expects a positive lr and a weight_decay that is not negative, got "
            f"{lr} and {weight_decay}."
        )


def check_data(data: Tensor) -> None:
    """Raise unless the data are finite rows of floating-point numbers."""
    expect_rows(data, None, "fit", "data")
    if not data.numel():
        raise ValueError(
            f"fit expects rows of data, got none: shape {tuple(data.shape)}."
        )
    bad = ~data.isfinite().reshape(len(data), -1).all(1)
    if bad.any():
        raise ValueError(
            f"fit expects finite data, but row {bad.nonzero()[0].item()} is not."
        )
