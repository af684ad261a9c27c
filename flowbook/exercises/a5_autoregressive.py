"""What the checks of assignment 5, autoregressive models, ask and know."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from flowbook.checks import CheckFailed
from flowbook.exercises.assignment import Assignment, Section
from flowbook.exercises.known import Mistake, check, part
from flowbook.exercises.mistakes.a5_autoregressive import (
    InverseFlow,
    InverseFlowDensity,
    LogProb,
    LogProbTail,
    MasksHidden,
    MasksOutput,
    Sample,
    SampleGradient,
    SamplePasses,
)

Network = Callable[[Tensor], Tensor]

MASKS = Section("07_autoregressive", "One network instead of D: masks")
MAF = Section("07_autoregressive", "The masked autoregressive flow")
PASSES = Section("07_autoregressive", "One pass against D passes")
TURNED = Section("07_autoregressive", "The same map, the other way round")

A5 = Assignment("Assignment 5: autoregressive models", by_hand=4)
summary = A5.summary


def toy_network(ranks: Tensor, seed: int) -> Network:
    """A small network whose outputs for entry i see lower ranks only."""
    dim = len(ranks)
    generator = torch.Generator("cpu").manual_seed(seed)

    def drawn(*shape: int) -> Tensor:  # on the CPU: the same on every device
        kind = {"dtype": torch.float64, "device": "cpu"}
        return torch.randn(shape, generator=generator, **kind).to(ranks.device)

    weights = drawn(2, dim, dim) * (ranks[:, None] > ranks)
    constants = drawn(2, dim)

    def network(x: Tensor) -> Tensor:
        found = x.double() @ weights.mT + constants[:, None]
        location, log_scale = 2 * found[0].sin(), 0.6 * found[1].cos()
        return torch.stack((location, log_scale), -1).to(x.dtype)

    return network


def counted(network: Network) -> tuple[Network, list[Tensor]]:
    """The same network, and a list of what it is shown."""
    calls: list[Tensor] = []

    def counting(x: Tensor) -> Tensor:
        calls.append(x.detach().clone())
        return network(x)

    return counting, calls


@contextmanager
def told_by_calls(
    moving: Mistake, still: Mistake, calls: list[Tensor]
) -> Iterator[None]:
    """Tell two mistakes apart that give the same numbers: by what the network saw."""
    try:
        yield
    except CheckFailed as failed:
        moves = any(not torch.equal(x, calls[0]) for x in calls)
        if failed.mistake == still.name and moves:
            failed.mistake, failed.hint = moving.name, moving.hint
        raise


@A5.check(
    "5.1 hidden masks",
    points=2,
    passes="hidden units hear what they may hear",
    read=MASKS,
)
def check_masks_hidden(group_masks: Callable) -> None:
    """Six entries in four groups, two hidden layers."""
    masks = group_masks(torch.tensor([1, 0, 3, 2, 1, 0]), [5, 4], 2)
    check(len(masks), 3, idea="the number of masks: one more than hidden layers")
    MasksHidden.compare(masks[1], ", from the first")
    MasksHidden.compare(masks[0], ", from the inputs")


@A5.check(
    "5.1 output mask", points=2, passes="outputs hear lower groups only", read=MASKS
)
def check_masks_output(group_masks: Callable) -> None:
    """One output for each entry, and two."""
    ranks = torch.tensor([1, 0, 3, 2, 1, 0])
    MasksOutput.compare(
        group_masks(ranks, [5], 1)[-1],
        ", one output an entry",
    )
    masks = group_masks(ranks, [5], 2)
    MasksOutput.compare(masks[-1])


def one_entry(x: Tensor) -> Tensor:
    """The network of one entry with location 1 and log-scale 0.5."""
    return always(1.0, 0.5)(x)


def always(location: float, log_scale: float) -> Network:
    """A network that gives every entry the same two numbers."""
    return lambda x: x.new_tensor([location, log_scale]).expand(*x.shape, 2)


@A5.check("5.2 density", points=3, passes="the log-density of the model", read=MAF)
def check_log_prob(log_prob: Callable) -> None:
    """One entry, three entries, and three in another dtype."""
    one = torch.tensor([[2.0], [-0.3]])
    LogProb.compare(
        log_prob(one, one_entry),
        ", here of one entry alone",
        given={"x": one},
        cases={
            "m = 0": lambda: log_prob(one, always(0.0, 0.5)),
            "alpha = 0": lambda: log_prob(one, always(1.0, 0.0)),
            "x = m": lambda: log_prob(0 * one + 1, one_entry),
            "x far above m": lambda: log_prob(50 + one, one_entry),
        },
    )
    network = toy_network(torch.tensor([1, 0, 2]), seed=5)
    x = torch.tensor([[0.5, -1.0, 2.0], [3.0, 0.2, -0.7]])
    LogProb.compare(
        log_prob(x, network),
        cases={
            "one entry alone": lambda: log_prob(one, one_entry),
            "alpha = 0": lambda: log_prob(x, always(1.0, 0.0)),
        },
    )
    double = log_prob(x.double(), network)
    LogProb.compare(double, ", in float64", dtype=torch.float64)


def unit(x: Tensor) -> Tensor:
    """The network of one entry with location 0.5 and log-scale 0."""
    return torch.tensor([0.5, 0.0], dtype=x.dtype).expand(len(x), 1, 2)


@A5.check("5.2 far out", points=1, passes="finite where exp(-u) is not", read=MAF)
def check_log_prob_tail(log_prob: Callable) -> None:
    """Two rows far away from the location."""
    far = torch.tensor([[200.0], [-300.0]])
    LogProbTail.compare(
        log_prob(far, unit),
        cases={"x = 20 and x = -30": lambda: log_prob(far / 10, unit)},
    )


def fixed(x: Tensor) -> Tensor:
    """A network whose entries have numbers of their own, and look at nothing."""
    return torch.tensor([[1.0, 0.4], [-0.5, -0.7]]).expand(len(x), 2, 2)


def in_order(sample: Callable, z: Tensor) -> Tensor:
    """Samples where each entry looks at all before it."""
    ranks = torch.arange(z.shape[1])
    return sample(z, toy_network(ranks, seed=7), ranks)


@A5.check(
    "5.3 samples",
    points=2,
    passes="each group is drawn after those it looks at",
    read=PASSES,
)
def check_sample(sample: Callable) -> None:
    """Entries that look at nothing, and five in three groups."""
    noise, two = torch.tensor([[0.5, -1.0], [2.0, 0.3]]), torch.tensor([0, 1])
    Sample.compare(
        sample(noise, fixed, two),
        idea="samples of entries that look at nothing",
        given={"z": noise},
        cases={
            "m = 0": lambda: sample(noise, always(0.0, 0.4), two),
            "alpha = 0": lambda: sample(noise, always(1.0, 0.0), two),
            "z = 0": lambda: sample(0 * noise, fixed, two),
        },
    )
    ranks = torch.tensor([2, 0, 1, 1, 0])
    network = toy_network(ranks, seed=7)
    z = torch.tensor([[0.5, -1.0, 2.0, 0.3, 1.4], [-0.4, 0.8, -1.5, 1.2, -0.9]])
    counting, calls = counted(network)
    with told_by_calls(Sample.reverse, Sample.stale, calls):
        Sample.compare(
            sample(z, counting, ranks),
            cases={
                "entries that look at nothing": lambda: sample(noise, fixed, two),
                "the ranks 0, 1, 2, 3, 4": lambda: in_order(sample, z),
            },
        )
    double = sample(z.double(), network, ranks)
    Sample.compare(double, ", in float64", dtype=torch.float64)


def calls_of(sample: Callable, ranks: Tensor) -> tuple[int, Tensor]:
    """How often a network of scale 1 is called, and the entries of rank 0."""
    network = toy_network(ranks, seed=1)

    def unscaled(x: Tensor) -> Tensor:
        location, log_scale = network(x).unbind(-1)
        return torch.stack((location, 0 * log_scale), -1)

    counting, calls = counted(unscaled)

    z = torch.tensor([[0.5], [-1.0], [2.0]]) + torch.arange(len(ranks)) / 8
    x = sample(z, counting, ranks)
    return len(calls), x[:, ranks == 0]


@A5.check("5.3 calls", points=1, passes="one call for each group", read=PASSES)
def check_sample_passes(sample: Callable) -> None:
    """How often a network is called."""
    calls, first = calls_of(sample, torch.tensor([1, 0, 2, 1, 0]))
    SamplePasses.compare(first, idea="the entries of rank 0, which come first")
    SamplePasses.compare(calls)


def noise_gradient(
    sample: Callable, z: Tensor, network: Network, ranks: Tensor, w: Tensor
) -> Tensor:
    """The gradient of the sum of w_i x_i with respect to z."""
    z = z.clone().requires_grad_()
    x = sample(z, network, ranks)
    if not x.requires_grad:
        return torch.zeros_like(z)
    return torch.autograd.grad((x * w).sum(), z)[0]


@A5.check(
    "5.3 gradients", points=2, passes="gradients flow back to the noise", read=PASSES
)
def check_sample_gradient(sample: Callable) -> None:
    """The gradient of a weighted sum of the samples."""
    ranks = torch.tensor([2, 0, 1, 1, 0])
    network = toy_network(ranks, seed=7)
    z = torch.tensor([[0.5, -1.0, 2.0, 0.3, 1.4], [-0.4, 0.8, -1.5, 1.2, -0.9]])
    counting, calls = counted(network)
    w = torch.tensor([1.0, -2.0, 0.5, 1.5, -0.7])
    with told_by_calls(SampleGradient.reverse, SampleGradient.stale, calls):
        SampleGradient.compare(
            noise_gradient(sample, z, counting, ranks, w),
            cases={
                "the ranks 0, 1, 2, 3, 4": lambda: noise_gradient(
                    sample, z, toy_network(torch.arange(5), 7), torch.arange(5), w
                )
            },
        )


def simpler_flows(inverse_flow: Callable, z: Tensor, index: int) -> dict[str, Callable]:
    """Ask for one part of the pair where something of the exercise is left out."""

    def ask(z: Tensor, network: Network) -> Callable:
        return lambda: inverse_flow(z, network)[index]

    return {
        "m = 0": ask(z, always(0.0, 0.5)),
        "alpha = 0": ask(z, always(1.0, 0.0)),
        "a single entry": ask(z[:, :1], always(1.0, 0.5)),
    }


@A5.check("5.4 samples", points=1, passes="one call draws whole samples", read=TURNED)
def check_inverse_flow(inverse_flow: Callable) -> None:
    """Two rows of three entries."""
    network = toy_network(torch.tensor([2, 0, 1]), seed=9)
    z = torch.tensor([[0.5, -1.0, 2.0], [-0.4, 0.8, -1.5]])
    result = inverse_flow(z, network)
    InverseFlow.compare(
        part(result, 0, "x, log_prob", InverseFlow),
        given={"z": z},
        cases=simpler_flows(inverse_flow, z, 0),
    )


@A5.check("5.4 density", points=2, passes="the samples know their density", read=TURNED)
def check_inverse_flow_density(inverse_flow: Callable) -> None:
    """Two rows of three entries."""
    network = toy_network(torch.tensor([2, 0, 1]), seed=9)
    z = torch.tensor([[0.5, -1.0, 2.0], [-0.4, 0.8, -1.5]])
    result = inverse_flow(z, network)
    log_prob = part(result, 1, "x, log_prob", InverseFlowDensity)
    InverseFlowDensity.compare(
        log_prob, given={"z": z}, cases=simpler_flows(inverse_flow, z, 1)
    )
    result = inverse_flow(z.double(), network)
    log_prob = part(result, 1, "x, log_prob", InverseFlowDensity)
    InverseFlowDensity.compare(log_prob, ", in float64", dtype=torch.float64)
