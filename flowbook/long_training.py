"""Training for hours: bytes on a device, batches in parts, and runs that go on.

`training.fit` is for what a page trains. Here every draw follows from the seed and the
number of the step alone, so that a run that was stopped goes on as if it had not been.
"""

import math
import os
import pickle
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import trange

from flowbook.image_files import as_rows
from flowbook.inputs import expect_count, seed_number
from flowbook.training import CLIP_NORM, learning_rate, seeded

Loss = Callable[[nn.Module, Tensor], Tensor]
BeforeStep = Callable[[nn.Module, Tensor, int], Any]


@dataclass(frozen=True)
class LongRun:
    """What a run leaves behind.

    `loss` holds the loss of every step, shape (steps,), on the CPU; `seconds` the wall
    time of all its parts; `peak_bytes` the most memory that torch held on the card at
    once since the last start, None where there is no card.
    """

    loss: Tensor
    seconds: float
    peak_bytes: int | None


def fit_long(
    model: nn.Module,
    images: Tensor,
    *,
    loss: Loss,
    steps: int,
    batch: int,
    parts: int = 1,
    lr: float = 1e-3,
    seed: int = 0,
    weight_decay: float = 0.0,
    checkpoint: str | os.PathLike[str] | None = None,
    every: int = 1000,
    before_step: BeforeStep | None = None,
    progress: bool = True,
) -> LongRun:
    """Minimise the loss on batches of images of bytes; go on from a checkpoint.

    The recipe is that of `training.fit`. Images may lie on the CPU: a batch is moved to
    the model's device, and becomes rows of its dtype there. With `parts` above 1 the
    gradients of parts of the batch are added up before a step, which needs the memory
    of one part. Every `every` steps, and at the end, the run is written to
    `checkpoint`; where that file is, it goes on from there. `before_step` gets the
    model, the first part of the batch and the number of the step.

    Shapes: images (n, height, width), uint8; the loss maps (model, rows) to a scalar.

    Raises:
        ValueError: images of another kind, a batch that `parts` does not divide, or a
            checkpoint that is damaged or of a run with other settings.
        FloatingPointError: the loss or its gradient is not finite; names the step.
    """
    batch = _check(images, steps, batch, parts, every)
    like = next(model.parameters())
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, weight_decay=weight_decay, fused=True)
    settings = {"steps": steps, "batch": batch, "parts": parts, "lr": lr}
    settings |= {"seed": seed_number(seed), "weight_decay": weight_decay}
    saved = _Saved(checkpoint, settings)
    losses, before = saved.load(model, optimizer)
    _forget_peak(like.device)
    start = time.perf_counter()
    model.train()
    for step in trange(len(losses), steps, disable=not progress, mininterval=0.5):
        rows = _rows_of(step, images, batch, seed).to(like.device)
        pieces = [as_rows(piece, like.dtype) for piece in rows.chunk(parts)]
        with seeded(_mixed(seed, 2 * step), like.device):
            if before_step is not None:
                before_step(model, pieces[0], step)
            optimizer.zero_grad()
            value = sum(_add_gradient(model, loss, piece, parts) for piece in pieces)
        norm = nn.utils.clip_grad_norm_(parameters, CLIP_NORM)
        if not (math.isfinite(value) and norm.isfinite()):
            raise FloatingPointError(
                f"The loss is {value} and its gradient's norm {norm} at step {step}."
            )
        optimizer.param_groups[0]["lr"] = learning_rate(step, steps, lr)
        optimizer.step()
        losses.append(value)
        if len(losses) % every == 0 or len(losses) == steps:
            saved.save(model, optimizer, losses, before + time.perf_counter() - start)
    model.eval()
    seconds = before + time.perf_counter() - start
    return LongRun(torch.tensor(losses, device="cpu"), seconds, _peak(like.device))


def _check(images: Tensor, steps: int, batch: int, parts: int, every: int) -> int:
    """Return the batch, at most all images; raise unless the numbers fit together."""
    for name, number in ("steps", steps), ("every", every), ("parts", parts):
        expect_count(number, "fit_long", 1, name)
    if images.dtype != torch.uint8 or not len(images):
        raise ValueError(
            f"fit_long expects images as unsigned bytes, got {images.dtype} of shape "
            f"{tuple(images.shape)}."
        )
    batch = min(expect_count(batch, "fit_long", 1, "batch"), len(images))
    if batch % parts:
        raise ValueError(
            f"fit_long expects a batch that {parts} parts divide, got {batch}."
        )
    return batch


def _add_gradient(model: nn.Module, loss: Loss, rows: Tensor, parts: int) -> float:
    value = loss(model, rows) / parts  # the mean of means of equal parts is the mean
    value.backward()
    return value.item()


def _rows_of(step: int, images: Tensor, batch: int, seed: int) -> Tensor:
    # A last, smaller batch is left out.
    epoch, place = divmod(step, len(images) // batch)
    chosen = _order(len(images), seed, epoch)[place * batch : (place + 1) * batch]
    return images[chosen.to(images.device)]


@lru_cache(maxsize=1)
def _order(count: int, seed: int, epoch: int) -> Tensor:
    # The order of a pass over the images follows from its number.
    generator = torch.Generator("cpu").manual_seed(_mixed(seed, 2 * epoch + 1))
    return torch.randperm(count, generator=generator, device="cpu")


def _mixed(seed: int, number: int) -> int:
    # Another seed for each number, and for each seed other ones.
    return (seed * 2**40 + number) % 2**63


def _forget_peak(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def _peak(device: torch.device) -> int | None:
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None


class _Saved:
    """The file in which a run is kept, and the settings that it must have."""

    def __init__(
        self, path: str | os.PathLike[str] | None, settings: dict[str, Any]
    ) -> None:
        self.path = None if path is None else Path(path)
        self.settings = settings

    def load(
        self, model: nn.Module, optimizer: torch.optim.Optimizer
    ) -> tuple[list[float], float]:
        """Return the losses and the seconds so far: none where there is no file."""
        if self.path is None or not self.path.exists():
            return [], 0.0
        try:
            found = torch.load(self.path, map_location="cpu", weights_only=True)
            settings, losses = found["settings"], found["loss"]
        except (
            EOFError,
            KeyError,
            OSError,
            RuntimeError,
            TypeError,
            pickle.UnpicklingError,
        ) as error:
            raise ValueError(
                f"{self.path} is no checkpoint of fit_long, or a damaged one: delete "
                "it to start anew."
            ) from error
        other = {k: v for k, v in settings.items() if self.settings.get(k) != v}
        if other:
            own = {k: self.settings.get(k) for k in other}
            raise ValueError(
                f"{self.path} is a run with {other}, and {own} was asked for: give "
                "those settings, or another checkpoint."
            )
        model.load_state_dict(found["model"])
        optimizer.load_state_dict(found["optimizer"])
        return losses.tolist(), found["seconds"]

    def save(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        losses: list[float],
        seconds: float,
    ) -> None:
        """Write everything beside the old file, then in its place: none is lost."""
        if self.path is None:
            return
        state = {
            "settings": self.settings,
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "loss": torch.tensor(losses, dtype=torch.float64, device="cpu"),
            "seconds": seconds,
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_name(f"{self.path.name}.new")
        torch.save(state, fresh)
        fresh.replace(self.path)
