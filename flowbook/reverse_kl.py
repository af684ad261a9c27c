"""Fitting a flow to a density that one can evaluate: a loss for `training.fit`."""

from collections.abc import Callable

from torch import Tensor

from flowbook.flow import Flow

LogTarget = Callable[[Tensor], Tensor]
"""x (batch, dim) -> log target(x) + any constant, (batch,)."""


class ReverseKL:
    """KL(flow || target), the target known up to a constant factor; a loss for `fit`.

    With z drawn from the base and x = flow(z), it is the mean of

        log base(z) - log|det dx/dz| - log target(x),

    so that neither samples of the target nor the flow's inverse are needed. The first
    two terms are the flow's own log-density at x: without them every sample would move
    to a mode of the target. For a target that is Z times a density the loss is
    KL - log Z, and its negative a lower bound of log Z.

    The data of `fit` are draws of the base:

        z = flow.base.sample(100_000, seed=0)
        fit(flow, z, loss=ReverseKL(density.log_prob))

    Distillation (van den Oord et al., 2018) is the same call with a teacher's
    `log_prob`, for a student that is fast in its `forward`.

    Shapes: called with a flow and z (batch, dim), it returns a scalar tensor.

    Raises:
        ValueError: the target's values have another shape than (batch,).
    """

    def __init__(self, log_target: LogTarget) -> None:
        self.log_target = log_target

    def __call__(self, flow: Flow, z: Tensor) -> Tensor:
        """Return the mean over the batch, in nats."""
        return self.each(flow, z).mean()

    def each(self, flow: Flow, z: Tensor) -> Tensor:
        """Return log flow(x) - log target(x) at the image x of every z, (batch,)."""
        x, log_det = flow(z)
        log_target = self.log_target(x)
        if log_target.shape != log_det.shape:
            # A column would broadcast to all pairs of samples.
            raise ValueError(
                f"ReverseKL expects a target that maps {tuple(x.shape)} to "
                f"{tuple(log_det.shape)}, got {tuple(log_target.shape)}."
            )
        return flow.base.log_prob(z) - log_det - log_target
