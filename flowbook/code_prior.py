"""A learned prior over a map of codes: masked convolutions in raster order."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from flowbook.inputs import as_generator, expect_count
from flowbook.likelihoods import expect_levels


class MaskedConv(nn.Conv2d):
    """A convolution that sees only what comes before, row by row from the left.

    With `here` it sees the place itself too: right for every layer but the first
    (van den Oord et al., 2016).

    Shapes: (batch, inputs, h, w) -> (batch, outputs, h, w).
    """

    def __init__(self, inputs: int, outputs: int, size: int, here: bool) -> None:
        if size % 2 != 1:
            raise ValueError(f"MaskedConv expects an odd size, got {size}.")
        super().__init__(inputs, outputs, size, padding=size // 2)
        place = torch.arange(size * size).view(size, size)
        centre = size * size // 2
        mask = place <= centre if here else place < centre
        self.register_buffer("mask", mask.to(self.weight), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the convolution with the masked kernel."""
        return functional.conv2d(
            x, self.weight * self.mask, self.bias, padding=self.padding
        )


class CodePrior(nn.Module):
    """p(codes) of a map of codes, each given those before it in raster order.

    The first layer is wide enough to see the whole map, so that there is no blind
    spot; a bias for each place lets corners differ from the middle. With `classes` the
    label shifts the hidden units; with `context` features of the same map do.

    Shapes: codes (batch, side, side), integers below `count`; labels (batch,);
    context (batch, context, side, side); log_prob (batch,) in nats.

    Raises:
        ValueError: codes or labels have another shape or are none of their numbers, or
            what the prior was built for is missing.
    """

    def __init__(
        self,
        count: int,
        side: int,
        hidden: int = 64,
        classes: int = 0,
        context: int = 0,
    ) -> None:
        super().__init__()
        self.count = expect_count(count, "CodePrior", 1, "count")
        self.side = expect_count(side, "CodePrior", 1, "side")
        self.first = MaskedConv(count, hidden, 2 * side - 1, here=False)
        self.place = nn.Parameter(torch.zeros(hidden, side, side))
        self.label = nn.Embedding(classes, hidden) if classes else None
        self.context = nn.Conv2d(context, hidden, 1) if context else None
        self.rest = nn.Sequential(
            nn.ReLU(),
            MaskedConv(hidden, hidden, 3, here=True),
            nn.ReLU(),
            MaskedConv(hidden, count, 1, here=True),
        )

    def forward(
        self, codes: Tensor, labels: Tensor | None = None, context: Tensor | None = None
    ) -> Tensor:
        """Return the logits of every place, (batch, count, side, side)."""
        codes = expect_levels(codes, self.count, "CodePrior", "codes").long()
        if codes.shape[1:] != (self.side, self.side):
            raise ValueError(
                f"CodePrior expects codes of shape (batch, {self.side}, {self.side}), "
                f"got {tuple(codes.shape)}."
            )
        for given, used, name in (
            (labels, self.label, "labels"),
            (context, self.context, "context"),
        ):
            if (given is None) != (used is None):
                wanted = "without" if used is None else "with"
                raise ValueError(f"This CodePrior was built {wanted} {name}.")
        one_hot = functional.one_hot(codes, self.count).movedim(-1, 1)
        hidden = self.first(one_hot.to(self.place)) + self.place
        if self.label is not None:
            kinds = self.label.num_embeddings
            labels = expect_levels(labels, kinds, "CodePrior", "labels").long()
            hidden = hidden + self.label(labels)[..., None, None]
        if self.context is not None:
            hidden = hidden + self.context(context)
        return self.rest(hidden)

    def log_prob(
        self, codes: Tensor, labels: Tensor | None = None, context: Tensor | None = None
    ) -> Tensor:
        """Return log p(codes) in nats, shape (batch,)."""
        logits = self(codes, labels, context)
        surprise = functional.cross_entropy(logits, codes.long(), reduction="none")
        return -surprise.sum((1, 2))

    @torch.no_grad()
    def sample(
        self,
        n: int,
        seed: int | torch.Generator,
        labels: Tensor | None = None,
        context: Tensor | None = None,
    ) -> Tensor:
        """Draw maps of codes (n, side, side), one place after the other.

        An int seeds a new generator on the model's device; a generator is advanced.
        """
        n = expect_count(n, "CodePrior.sample")
        generator = as_generator(seed, self.place.device)
        codes = torch.zeros(
            n, self.side, self.side, dtype=torch.long, device=self.place.device
        )
        for place in range(self.side**2 if n else 0):
            row, column = divmod(place, self.side)
            logits = self(codes, labels, context)[:, :, row, column]
            drawn = torch.multinomial(logits.softmax(1), 1, generator=generator)
            codes[:, row, column] = drawn[:, 0]
        return codes
