"""What the checks of assignment 8, on levels and a flow of digits, ask and know."""

import math
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor
from torch.distributions import Normal, Uniform

from flowbook.checks import CheckFailed, check_samples
from flowbook.digits import bits_per_dim, digits_split
from flowbook.exercises.assignment import Assignment, Section, failure_of
from flowbook.exercises.known import Mistake, part, parts
from flowbook.exercises.known import check as check  # hidden tests use it
from flowbook.exercises.mistakes.a8_images import (
    Bits,
    Draws,
    Far,
    Line,
    LineDet,
    LogQ,
    LowPrice,
    Noise,
    Pixels,
    Price,
    Ways,
)
from flowbook.inputs import as_generator
from flowbook.side_effects import check_generators

NOISE = Section("11_images", "Noise, and what it bounds")
LINE = Section("11_images", "Pixels on the line, and every constant")
COUPLING = Section("06_coupling", "The idea")

A8 = Assignment("Assignment 8: levels, bits, and a flow of digits", by_hand=3)
run, summary = A8.run, A8.summary


# --- Exercise 8.1: from levels to points ----------------------------------------------


@A8.check("8.1 points", points=2, passes="every pixel is in its box", read=NOISE)
def check_noise(dequantize: Callable) -> None:
    """The law of the noise in a narrow box and in a wide one, and mixed levels."""
    edges = torch.tensor([0.0, 0.3, 1.0, 1.4, 3.0])
    check_law(dequantize, edges, 1, seed=1)
    check_law(dequantize, edges.double(), 3, seed=2)
    check_boxes(dequantize, edges, seed=3)


def check_law(dequantize: Callable, edges: Tensor, level: int, seed: int) -> None:
    """Raise CheckFailed unless points of one level are uniform in its box."""
    ends = edges.tolist()
    low, high = ends[level : level + 2]
    width = high - low
    levels = torch.full((2000, 3), level)
    generator = as_generator(seed)
    y = part(dequantize(levels, edges, generator), 0, "y, log_q", Noise)
    like = torch.full((2000, 3), low).to(edges)
    check(torch.ones_like(y), torch.ones_like(like), idea="a point for each pixel")
    y = y.detach()
    if bool(torch.isfinite(y).all()) and (y - y[0]).abs().max() < 1e-6 * width:
        known = Noise.no_noise if y.std() < 1e-6 * width else Noise.batch
        share = "the share of images with noise of their own"
        check(0.0, 1.0, idea=share, mistakes=[known.giving(0.0)])
    if (y - y[:, :1]).abs().max() < 1e-6 * width:
        share = "the share of pixels with noise of their own"
        check(0.0, 1.0, idea=share, mistakes=[Noise.row.giving(0.0)])
    before = low - ends[level - 1]
    laws = [
        (Noise.half, low, low + width / 2),
        (Noise.unscaled, low, low + 1),
        (Noise.centred, low - width / 2, low + width / 2),
        (Noise.upper, high, high + width),
        (Noise.other, low, low + before),
        (Noise.ignored, level, level + 1),
    ]
    count = len(ends) - 1
    if count > 2:
        laws.append((Noise.equal, level / count, (level + 1) / count))
    wrong = [known.giving(between(a, b)) for known, a, b in laws]
    wrong.append(Noise.normal.giving(Normal(low, width).cdf))
    try:
        check_samples(y, between(low, high), like=like, idea=Noise.idea, mistakes=wrong)
    except CheckFailed as failed:
        if failed.mistake is None and failed.problem.endswith("."):
            failed.problem += (
                f" They lie between {y.min():.3f} and {y.max():.3f}; the box of this"
                f" level is [{low:.3f}, {high:.3f})."
            )
        raise


def between(low: float, high: float) -> Callable[[Tensor], Tensor]:
    """The distribution function of uniform numbers from `low` to `high`."""
    return Uniform(low, high, validate_args=False).cdf


def check_boxes(dequantize: Callable, edges: Tensor, seed: int) -> None:
    """Raise CheckFailed unless points of mixed levels are in their boxes."""
    count = len(edges) - 1
    levels = (torch.arange(120) * torch.tensor([[1], [2], [3]]) + 1) % count
    y = part(dequantize(levels, edges, as_generator(seed)), 0, "y, log_q", Noise)
    check(torch.ones_like(y), torch.ones(levels.shape).to(edges), idea="a point each")
    inside = torch.zeros_like(levels, dtype=torch.bool)
    for level, (low, high) in enumerate(pairwise(edges.tolist())):
        inside |= (levels == level) & (y >= low) & (y <= high)
    idea = "the share of points that are in the box of their level"
    check(inside.to(edges).mean(), torch.tensor(1.0).to(edges), idea=idea)


@A8.check(
    "8.1 generator",
    points=1,
    passes="the noise is new, and the seed decides",
    read=NOISE,
)
def check_generator(dequantize: Callable) -> None:
    """Two calls with one generator, and one with a fresh generator of the same seed."""
    check_draws(dequantize, torch.tensor([0.0, 0.3, 1.0, 1.4, 3.0]), 4)


def check_draws(dequantize: Callable, edges: Tensor, seed: int) -> None:
    """Raise CheckFailed unless all noise comes from the generator, and anew."""
    levels = torch.arange(12).reshape(3, 4) % (len(edges) - 1)
    generator = as_generator(seed)
    moved = None
    try:
        first = check_generators(dequantize, levels, edges, generator, idea=Draws.idea)
    except CheckFailed as failed:
        moved = failed
        first = dequantize(levels, edges, generator)
    first, second, other, again = (
        part(each, 0, "y, log_q", Draws)
        for each in (
            first,
            dequantize(levels, edges, generator),
            dequantize(levels, edges, as_generator(seed + 1)),
            dequantize(levels, edges, as_generator(seed)),
        )
    )
    fixed = bool(torch.equal(first, second) or torch.equal(first, other))
    alike = first.reshape(-1)[(levels == levels[0, 0]).reshape(-1)]
    if fixed and torch.equal(alike, alike[:1].expand_as(alike)):
        problem = "all points of a level are the same."
        raise CheckFailed(Draws.idea, problem, Draws.no_noise.name, Draws.no_noise.hint)
    if moved is not None:
        known = Draws.leaks if fixed else Draws.shared
        raise CheckFailed(Draws.idea, moved.problem, known.name, known.hint)
    if fixed:
        problem = "two calls, or two seeds, gave the same points."
        raise CheckFailed(Draws.idea, problem, Draws.fixed.name, Draws.fixed.hint)
    if not torch.equal(first, again):
        problem = "two generators of the same seed gave different points."
        raise CheckFailed(Draws.idea, problem, Draws.own.name, Draws.own.hint)


@A8.check("8.1 density", points=1, passes="the noise's density is right", read=NOISE)
def check_log_q(dequantize: Callable) -> None:
    """Three images of three pixels, in two dtypes."""
    edges = torch.tensor([0.2, 0.5, 1.2, 1.6, 3.2])
    levels = torch.tensor([[0, 3, 1], [2, 2, 0], [3, 1, 3]])
    line = torch.tensor([0.0, 1.0, 2.0, 3.0, 4.0])

    def log_q(levels: Tensor, edges: Tensor) -> Tensor:
        return part(dequantize(levels, edges, as_generator(5)), 1, "y, log_q", LogQ)

    cases = {
        "a single pixel": lambda: log_q(levels[:, :1], edges),
        "boxes of width 1": lambda: log_q(levels, line),
        "boxes of width 3": lambda: log_q(levels, 3 * line),
    }
    for dtype in (torch.get_default_dtype(), torch.float64):
        where = ", in float64" if dtype == torch.float64 else ""
        got = log_q(levels, edges.to(dtype))
        LogQ.compare(got, where, dtype=dtype, cases={} if where else cases)


# --- Exercise 8.2: to the line and back -----------------------------------------------


def pixels() -> tuple[Tensor, Tensor]:
    """Two images of three pixels with their noise, and an alpha for each pixel."""
    x = torch.tensor([[0.4, 16.7, 5.2], [7.9, 3.1, 12.5]])
    return x, torch.tensor([0.02, 0.1, 0.25])


@A8.check("8.2 to the line", points=1, passes="pixels reach the line", read=LINE)
def check_line(to_line: Callable) -> None:
    """Two images of three pixels, in two dtypes."""
    x, alpha = pixels()

    def z_of(x: Tensor, alpha: Tensor, count: int) -> Tensor:
        return part(to_line(x, alpha, count), 0, "z, log_det", Line)

    cases = {
        "a tiny alpha": lambda: z_of(x, 1e-9 * alpha, 17),
        "pixels in the middle": lambda: z_of(0 * x + 8.5, alpha, 17),
    }
    for dtype in (torch.get_default_dtype(), torch.float64):
        where = ", in float64" if dtype == torch.float64 else ""
        got = z_of(x.to(dtype), alpha.to(dtype), 17)
        Line.compare(got, where, dtype=dtype, cases={} if where else cases)


@A8.check(
    "8.2 its log_det", points=1, passes="the logit's log_det is complete", read=LINE
)
def check_line_det(to_line: Callable) -> None:
    """Two images of three pixels, in two dtypes."""
    x, alpha = pixels()

    def log_det(x: Tensor, alpha: Tensor, count: int) -> Tensor:
        return part(to_line(x, alpha, count), 1, "z, log_det", LineDet)

    cases = {
        "a tiny alpha": lambda: log_det(x, 1e-9 * alpha, 17),
        "pixels in the middle": lambda: log_det(0 * x + 8.5, alpha, 17),
        "a single pixel": lambda: log_det(x[:, :1], alpha[:1], 17),
        "K = 1": lambda: log_det(x / 17, alpha, 1),
    }
    for dtype in (torch.get_default_dtype(), torch.float64):
        where = ", in float64" if dtype == torch.float64 else ""
        got = log_det(x.to(dtype), alpha.to(dtype), 17)
        LineDet.compare(got, where, dtype=dtype, cases={} if where else cases)


@A8.check("8.2 to pixels", points=1, passes="the line reaches the pixels", read=LINE)
def check_pixels(to_pixels: Callable) -> None:
    """Two rows of three numbers, in two dtypes: pixels, and then the log_det."""
    z = torch.tensor([[-2.0, 1.5, 0.3], [0.8, -0.6, 3.0]])
    _, alpha = pixels()

    def asked(which: int, z: Tensor, alpha: Tensor, count: int) -> Tensor:
        return part(to_pixels(z, alpha, count), which, "x, log_det", Pixels)

    def cases(which: int) -> dict[str, Callable]:
        return {
            "a tiny alpha": lambda: asked(which, z, 1e-9 * alpha, 17),
            "z = 0": lambda: asked(which, 0 * z, alpha, 17),
            "a single pixel": lambda: asked(which, z[:, :1], alpha[:1], 17),
            "K = 1": lambda: asked(which, z, alpha, 1),
        }

    for dtype in (torch.get_default_dtype(), torch.float64):
        where = ", in float64" if dtype == torch.float64 else ""
        for which, idea in ((0, Pixels.value), (1, Pixels.idea)):
            got = asked(which, z.to(dtype), alpha.to(dtype), 17)
            simpler = {} if where else cases(which)
            Pixels.compare(got, where, idea=idea, dtype=dtype, cases=simpler)


@A8.check("8.2 far out", points=1, passes="no z is too far", read=LINE)
def check_far(to_pixels: Callable) -> None:
    """Numbers of a hundred, on both sides."""
    z = torch.tensor([[100.0, -1.0, 0.5], [0.4, -100.0, 1.5], [-120.0, 90.0, 40.0]])
    _, alpha = pixels()
    got = part(to_pixels(z, alpha, 17), 1, "x, log_det", Far)
    Far.compare(got)


# --- Exercise 8.3: every bit of it ----------------------------------------------------


def stretch(size: float) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """A layer that multiplies all entries, but for the first, by a number."""

    def layer(y: Tensor) -> tuple[Tensor, Tensor]:
        sizes = torch.full(y.shape[1:], size).to(y)
        sizes[0] = 1.0
        return y * sizes, sizes.log().sum().expand(len(y))

    return layer


def swell(y: Tensor) -> tuple[Tensor, Tensor]:
    """A layer that applies sinh to every entry."""
    return torch.sinh(y), torch.cosh(y).log().sum(-1)


def lean(y: Tensor) -> tuple[Tensor, Tensor]:
    """A layer that shifts the first entry by the last, squared."""
    first = torch.zeros_like(y)
    first[:, 0] = y[:, -1] ** 2 - 0.5
    return y + first, torch.zeros_like(y[:, 0])


@A8.check("8.3 bits", points=3, passes="every constant is counted", read=LINE)
def check_bits(image_bits: Callable) -> None:
    """Two images of three pixels through three layers, in two dtypes."""
    levels = torch.tensor([[0.0, 16.0, 5.0], [7.0, 3.0, 12.0]])
    noise = torch.tensor([[0.3, 0.9, 0.5], [0.2, 0.7, 0.4]])
    log_q = torch.tensor([0.6, -0.9])
    layers = [swell, lean, stretch(2.5)]
    zero = torch.zeros_like(log_q)
    cases = {
        "log_q = 0": lambda: image_bits(levels, noise, zero, layers, 17),
        "no layers": lambda: image_bits(levels, noise, log_q, [], 17),
        "a single layer": lambda: image_bits(levels, noise, log_q, layers[:1], 17),
        "layers with the log_det 0": lambda: image_bits(
            levels, noise, log_q, [lean], 17
        ),
        "K = 1": lambda: image_bits(0 * levels, noise, log_q, layers, 1),
    }
    for dtype in (torch.get_default_dtype(), torch.float64):
        where = ", in float64" if dtype == torch.float64 else ""
        given = [each.to(dtype) for each in (levels, noise, log_q)]
        got = image_bits(*given, layers, 17)
        Bits.compare(got, where, dtype=dtype, cases={} if where else cases)


# --- Exercise 8.4: a flow of digits ---------------------------------------------------

DIM, BONUS = 64, 2.10
STEPS = 256  # on a line from one image to another


@A8.check(
    "8.4 flow", points=2, passes="both ways and the Jacobian agree", read=COUPLING
)
def check_flow(trained: object) -> None:
    """The two ways, and the Jacobian, on images that the flow has not seen."""
    check_ways(trained, digits_split()[1][:60])


def check_ways(
    trained: object, images: Tensor, known: type[Ways] = Ways
) -> tuple[Tensor, Tensor]:
    """Return z and log_det of noisy images; raise CheckFailed if this is no flow.

    It is one if back comes x, log_det is the Jacobian's, and z has no jumps. Where the
    way back finds every image again, no two of them have the same z. Then the density
    that these numbers give has no more than the mass 1.
    """
    to_base, to_image = parts(
        trained, "to_base, to_image", idea="what train_flow returns"
    )
    x = images + torch.rand_like(images)
    with torch.no_grad():
        z, log_det = base_of(to_base, x, known)
    some = torch.randperm(len(x))[:4]
    compare_paths(to_base, x[some], z[some])
    compare_jacobian(to_base, x[some[:3]], log_det[some[:3]])
    with torch.no_grad():
        back = to_image(z)
        if not isinstance(back, Tensor):  # a pair, say, as to_pixels returns it
            check(back, x, idea=known.back)
        check(torch.ones_like(back), torch.ones(x.shape).to(x), idea=known.back)
        away = (back - x).abs().max()
        if not away < 0.05:
            in_units = bool((17 * back - x).abs().max() < 0.05)
            mistake = known.units if in_units else known.astray
            shown = round(away.item(), 3)
            idea = f"{known.back}: how far from x, at most"
            check(shown, 0.0, idea=idea, mistakes=[mistake.giving(shown)], atol=0.05)
    return z, log_det


def base_of(to_base: Callable, x: Tensor, known: type[Ways]) -> tuple[Tensor, Tensor]:
    """Return z and log_det of x; raise CheckFailed if they are no such numbers."""
    z, log_det = parts(to_base(x), "z, log_det", idea="what to_base returns")
    check(torch.ones_like(z), torch.ones(x.shape).to(x), idea="z, 64 for each image")
    check(torch.ones_like(log_det), torch.ones(len(x)).to(x), idea="a log_det each")
    bad = int((~(z.isfinite().all(1) & log_det.isfinite())).sum())
    if bad:
        idea = "how many images have a z or a log_det that is no number"
        check(bad, 0, idea=idea, mistakes=[known.not_finite.giving(bad)])
    return z, log_det


def compare_paths(to_base: Callable, x: Tensor, z: Tensor) -> None:
    """Raise CheckFailed unless between images z changes as its gradient says.

    The Jacobian is autograd's, and that is another map's where a part of the way is
    detached, or where z jumps: the fractional part of x would fill the same z once for
    each level, and cost nothing.
    """
    # What is added up along each line from image to image is one sum of the z, with
    # signs by chance. Its slope may be steep near 0 and 17: there the steps are small.
    turns = (torch.arange(STEPS).to(x) + 0.5) * math.pi / STEPS
    way, weights = (1 - turns.cos()) / 2, turns.sin() * math.pi / 2 / STEPS
    across, change = x.roll(1, 0) - x, z.roll(1, 0) - z
    many = (x[:, None] + way[:, None] * across[:, None]).reshape(-1, DIM)
    many.requires_grad_()
    signs = (2 * torch.randint(2, (DIM,)) - 1).to(x)
    (slopes,) = torch.autograd.grad(
        (to_base(many)[0] * signs).sum() + 0 * many.sum(), many
    )
    rates = (slopes.reshape(len(x), STEPS, DIM) * across[:, None]).sum(-1)
    over = (rates @ weights - change @ signs) / change.norm(dim=1)
    share = round(over.abs().mean().item(), 3)
    if not share < 0.1:  # a map with kinks, as distribution functions have, has 0.02
        idea = "z between two images: what its gradient adds up to is off by a share"
        check(share, 0.0, idea=idea, mistakes=[Ways.jumps.giving(share)], atol=0.1)


def compare_jacobian(to_base: Callable, x: Tensor, got: Tensor) -> None:
    """Raise CheckFailed unless `got` is log|det| of the Jacobian at x, by autograd."""
    # Each image once for each of its 64 rows of the Jacobian: one gradient for all.
    many = x.repeat_interleave(DIM, 0).requires_grad_()
    z, _ = to_base(many)
    picked = z.reshape(len(x), DIM, DIM).diagonal(dim1=1, dim2=2)
    (rows,) = torch.autograd.grad(picked.sum() + 0 * many.sum(), many)
    jacobian = rows.reshape(len(x), DIM, DIM).double()
    sign, right = (part.to(x) for part in torch.linalg.slogdet(jacobian))
    # A map that folds, as |x| does, gives several images one z.
    idea = "the determinant's sign, which no invertible map changes between two images"
    check(sign, sign[:1].expand_as(sign), idea=idea)
    units = 17 * torch.ones(DIM).to(x)
    wrong = [
        Ways.turned.giving(-right),
        Ways.seventeen.giving(right + units.log().sum()),
    ]
    over = got - right
    if over.abs().max() > 0.05 and (over - over.mean()).abs().max() < 0.02:
        wrong.append(Ways.constant.giving(got))
    elif over.abs().max() > 0.05:
        wrong.append(Ways.varying.giving(got))
    named = next((w for w in wrong if (got - w.value).abs().max() < 0.05), None)
    check(
        got,
        right,
        idea=Ways.idea,
        mistakes=[] if named is None else [named.giving(got)],
        rtol=1e-3,
        atol=0.05,
    )


@A8.check("8.4 learned", points=2, passes="your flow has learned", read=LINE)
def check_learned(trained: object) -> None:
    """Clearly better than the logit alone, and than a mixture of normal densities."""
    check_price(trained, digits_split()[1], 2.6, Price)


@A8.check(
    "8.4 better than histograms",
    points=2,
    passes="your flow knows more than each pixel alone",
    read=LINE,
)
def check_histograms(trained: object) -> None:
    """Better than the best that one can say of each pixel alone."""
    check_price(trained, digits_split()[1], 2.43, LowPrice)


def check_price(
    trained: object, images: Tensor, limit: float, known: type[Price]
) -> None:
    """Raise CheckFailed unless images cost less than a limit, in bits per dimension."""
    z, log_det = check_ways(trained, images.repeat(2, 1), known)
    bits, spread = price(z, log_det)
    if not bits < limit:
        mistake = diagnosed(trained[0], images, bits, spread)
        mistake = mistake if mistake in known.mistakes().values() else Price.little
        shown = round(bits, 3)
        idea = f"{known.cost}, which must be less than {limit}"
        check(shown, limit, idea=idea, mistakes=[mistake.giving(shown)])


def price(z: Tensor, log_det: Tensor) -> tuple[float, float]:
    """Return the bits per dimension, and the mean of z^2."""
    base = Normal(torch.zeros_like(z), 1.0, validate_args=False).log_prob(z).sum(1)
    return bits_per_dim(base + log_det), z.square().mean().item()


def diagnosed(to_base: Callable, images: Tensor, bits: float, spread: float) -> Mistake:
    """Return the mistake that these numbers look like.

    With a right loss z has squares of about 1, and all parts of a box cost the same.
    """
    if spread < 0.3:
        return Price.squeezed

    def with_noise(low: float, high: float, of: Tensor = images) -> tuple[float, float]:
        # With noise that is not on [0, 1) it is no price: it tells where in a box the
        # density is.
        with torch.no_grad():
            return price(*to_base(of + low + (high - low) * torch.rand_like(of)))

    first, near = with_noise(0.0, 1.0, digits_split()[0][:32])
    if first < bits - 1 and near < 2:
        return Price.memorised
    if spread > 25:
        return Price.averaged
    half, edge = with_noise(0.0, 0.5)[0], with_noise(0.0, 0.02)[0]
    if with_noise(-0.4, 0.4)[0] < min(bits - 0.3, half + 0.2):
        return Price.centred
    if edge < min(half, bits) - 0.6:
        return Price.bare
    return Price.half if half < bits - 0.4 else Price.little


def bonus(trained: object) -> None:
    """Print what images cost with a flow, and whether that is the bonus.

    It brings no points: nothing that a grade depends on is printed by a student's cell.
    """
    found = []

    def ask(trained: object) -> None:
        found.extend(check_ways(trained, digits_split()[1]))

    if failure_of(ask, (trained,), LINE) is not None:
        print("· Bonus: open. It needs a flow that passes the checks above.")
        return
    bits, _ = price(*found)
    if bits < BONUS:
        print(f"★ Bonus: {bits:.3f} bits per dimension, less than {BONUS:.2f}.")
    else:
        said = f"it asks for less than {BONUS:.2f}"
        print(f"· Bonus: {bits:.3f} bits per dimension; {said}.")
