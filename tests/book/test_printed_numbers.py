"""The decimal numbers in a chapter's text are right to the last digit that it prints.

Each is computed here by another road than the page's own cells, where there is one. A
decimal number of the text that has no line here is an error, so that none is forgotten.
"""

import math
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.integrate import cumulative_trapezoid, quad
from scipy.optimize import minimize, minimize_scalar
from scipy.stats import chi2, kstwobign, norm
from sklearn.datasets import load_digits
from the_book import the_book

from flowbook.densities import ZOO, SineRing

ROOT = Path(__file__).resolve().parents[2]
PAGES = {Path(page.path).stem: page for page in the_book().pages}


def log_normal(x: float, mean: float, scale: float) -> float:
    """The normal log-density."""
    return -0.5 * ((x - mean) / scale) ** 2 - math.log(scale * math.sqrt(2 * math.pi))


def log_hills(x: float) -> float:
    """The log-density of two equal hills, at -3 and at 3."""
    near, far = sorted((abs(x - 3), abs(x + 3)))
    rest = math.log1p(math.exp((near**2 - far**2) / 2))
    return log_normal(near, 0, 1) + rest - math.log(2)


def kl(log_a: Callable, log_b: Callable) -> float:
    """KL(a || b) on the line, by adaptive quadrature."""
    value, _ = quad(
        lambda x: math.exp(log_a(x)) * (log_a(x) - log_b(x)),
        -30,
        30,
        points=[-3, 0, 3],
        limit=200,
        epsabs=1e-10,
    )
    return value


def reverse(mean: float, scale: float) -> float:
    """KL from a normal to the two hills."""
    return kl(lambda x: log_normal(x, mean, scale), log_hills)


def best_reverse(start: float) -> tuple[float, float, float]:
    """Mean, scale and KL of the local optimum that Nelder and Mead find."""
    options = {"xatol": 1e-8, "fatol": 1e-13, "maxiter": 400}
    found = minimize(
        lambda at: reverse(at[0], math.exp(at[1])),
        [start, 1.0 if start == 0 else 0.0],
        method="Nelder-Mead",
        options=options,
    )
    return found.x[0], math.exp(found.x[1]), found.fun


def least_of_one_planar_layer() -> float:
    """The least KL from N(0, 1) to a marginal of the ring, over all directions."""
    ring, step = SineRing(), 0.05
    at = torch.arange(-6, 6 + step / 2, step, dtype=torch.float64)
    log_q = -0.5 * at.square() - 0.5 * math.log(2 * math.pi)

    def bound(angle: float) -> float:
        kept = torch.tensor([math.cos(angle), math.sin(angle)], dtype=torch.float64)
        moved = torch.stack((-kept[1], kept[0]))
        plane = at[:, None, None] * kept + at[None, :, None] * moved
        log_p = ring.log_prob(plane).logsumexp(1) + math.log(step)
        return (log_q.exp() * (log_q - log_p)).sum().item() * step

    return min(bound(math.pi * k / 90) for k in range(90))


def log_humps(x: float, scale: float = 1.0) -> float:
    """The log-density of two equal humps, at -2 and at 2."""
    return math.log(0.5 * norm.pdf(x, -2, scale) + 0.5 * norm.pdf(x, 2, scale))


def entropy_of_humps(scale: float) -> float:
    """Its entropy, by adaptive quadrature."""

    def surprise(x: float) -> float:
        log_p = log_humps(x, scale)
        return -math.exp(log_p) * log_p

    reach = 2 + 12 * scale
    return quad(surprise, -reach, reach, points=[-2, 0, 2], limit=200)[0]


def gap_of_cubic_maps() -> float:
    """The least KL from the two humps to a normal bent by z = c x + a x^3."""
    x = np.linspace(-10, 10, 2001)
    p = 0.5 * norm.pdf(x, -2) + 0.5 * norm.pdf(x, 2)

    def gap(theta: np.ndarray) -> float:
        c, a = np.exp(theta)
        log_q = -0.5 * (c * x + a * x**3) ** 2 + np.log(c + 3 * a * x**2)
        return np.trapezoid(p * (np.log(p) - log_q), x) + 0.5 * math.log(2 * math.pi)

    return minimize(gap, [-1.0, -3.0], method="Nelder-Mead").fun


def of_logit_normal(values: Callable) -> float:
    """E values(x) for the logistic x of a standard normal z."""
    return quad(lambda z: norm.pdf(z) * values(z), -12, 12, epsabs=1e-12)[0]


def scores_on_the_moons() -> tuple[float, float]:
    """The entropy of the two moons, and what a chain of eighteen hills scores."""
    moons = ZOO["two moons"]
    (left, right), (low, high) = moons.bounds
    x, dx = np.linspace(left, right, 401, retstep=True)
    y, dy = np.linspace(low, high, 401, retstep=True)
    points = np.stack(np.meshgrid(x, y, indexing="ij"), -1)
    log_p = moons.log_prob(torch.from_numpy(points)).numpy()
    t, q = math.pi * (np.arange(9) + 0.5) / 9, np.zeros_like(log_p)
    for u, v in zip(np.cos(t), np.sin(t), strict=True):
        for at in (u, v), (1 - u, 0.5 - v):
            hill = norm.pdf(x, at[0], 0.12)[:, None] * norm.pdf(y, at[1], 0.12)
            q += hill / 18
    mass = np.exp(log_p) * dx * dy
    return -(mass * log_p).sum(), -(mass * np.log(q)).sum()


def chapter_01() -> dict[str, float | None]:
    """What the text prints, in the order of reading; None is a choice, no result."""
    best, chain = scores_on_the_moons()
    return {
        "1.05": chain,
        "1.7": None,
        "0.07": None,
        "5.7": norm.pdf(0, 0, 0.07),
        "1.75": None,
        "4.4": norm.pdf(0.05, 0, 0.07),
        "0.01": None,
        "2.051659": entropy_of_humps(1.0),
        "0.1": None,
        "0.17": 0.5 * math.log(2 * math.pi * math.e * 5) - entropy_of_humps(1.0),
        "1.007585": best,
        "0.04": chain - best,
        **dict.fromkeys(("0.5", "0.2", "0.05")),
        "1.414": math.sqrt(2),
        "1.611997": SineRing().log_normaliser,
        "2.2": None,
        "177.4": 64 * math.log(16),
        "27.4": 64 * math.log(16) - 150,
        "1.693": 1 + math.log(2),
        "1.766": 0.5 * math.log(2 * math.pi * math.e * 2),
        "2.0": None,
        "0.0855": 1 / math.sqrt(16 * math.pi * math.e),
        "3.531": math.log(8 * 2 * math.pi * math.e * 0.5**2),
    }


def chapter_03() -> dict[str, float | None]:
    """What the text prints, in the order of reading; None is a choice, no result."""
    chosen = dict.fromkeys(("0.8", "0.6"))
    rest = {"0.5": (0.8**2 + 0.6**2) / 2, "0.32": 0.8**2 / 2}
    rest |= {"7.4": norm.pdf(0) / norm.pdf(2)}
    return chosen | rest | {"0.619": best_of_one_layer_on_the_moons()}


def best_of_one_layer_on_the_moons() -> float:
    """The KL that is left when each line over x1 is made normal by itself."""
    moons = ZOO["two moons"]
    n = 500
    one, two = (torch.linspace(a, b, n).double() for a, b in moons.bounds)
    p = moons.log_prob(torch.cartesian_prod(one, two)).exp().reshape(n, n)
    p = (p / p.sum()).numpy()
    x, y, line = one.numpy(), two.numpy(), p.sum(1)
    mean = (p * y).sum(1) / line
    variance = (p * (y - mean[:, None]) ** 2).sum(1) / line
    surprise = math.log(2 * math.pi) + 0.5 * (x**2 + 1 + np.log(variance))
    return float((line * surprise).sum()) - float(moons.entropy())


def chapter_02() -> dict[str, float | None]:
    """What the text prints, in the order of reading; None is a choice, no result."""
    variance = of_logit_normal(lambda z: (1 / (1 + math.exp(-z)) - 0.5) ** 2)
    stretch = of_logit_normal(lambda z: -math.log(2 + 2 * math.cosh(z)))
    return {
        "0.3989": norm.pdf(0),
        "1.628": kstwobign.isf(0.01),
        "2.051659": entropy_of_humps(1.0),
        "0.03": gap_of_cubic_maps(),
        "0.0005": 10 / (2 * 10_000),
        "0.306853": 1 - math.log(2),
        "0.043379": variance,
        "0.193180": -(0.5 * math.log(2 * math.pi * math.e) + stretch),
        "4.605": math.log(100),
        "0.5": None,
    }


def chapter_04() -> dict[str, float | None]:
    """What the text prints, in the order of reading; None is a choice, no result."""
    variance = quad(lambda x: norm.pdf(x, 0, 3) * math.exp(x), -30, 40, points=[0, 9])[
        0
    ]
    return {
        "0.549": math.log(3) / 2,
        "2.5": None,  # a measured slope
        "9.5": math.sqrt(variance),
    }


def histogram_gap(bins: int) -> float:
    """KL from problem 1's density to its best histogram with bins of equal width."""
    masses = np.diff(np.sqrt(np.linspace(0, 1, bins + 1)))
    return 1 - math.log(2) - float((masses * np.log(bins * masses)).sum())


def chapter_05() -> dict[str, float | None]:
    """What the text prints, in the order of reading; None is a choice, no result."""

    def nll_of_two_bins(knot: float) -> float:
        below = math.sqrt(knot)  # the mass of problem 1 below the knot
        return below * math.log(2 * knot) + (1 - below) * math.log(2 - 2 * knot)

    constant = histogram_gap(1_000_000) * 1000  # the gap times the root of the bins
    rises = (0.1, 0.2, 0.5, 0.1, 0.1)
    return {
        "0.1": None,
        "0.5": None,
        "0.4": 1 / (len(rises) * max(rises)),
        "0.306853": 1 - math.log(2),
        "0.31": constant,
        "0.3101": constant,
        "0.87": math.sqrt(2 / 4 + 0.5**2),  # x1^2/2 has the variance 1/2
        "0.9": None,
        "0.20": minimize_scalar(nll_of_two_bins, (0.1, 0.25)).x,
        "0.2": None,
        "0.830": -0.5 * math.log(1 - 0.9**2),
        "2.1030": sum(map(math.sqrt, rises)),
    }


def chapter_06() -> dict[str, float | None]:
    """What the text prints, in the order of reading; None is a choice, no result."""
    humps = entropy_of_humps(0.5) + 0.5 * math.log(2 * math.pi * math.e / 4)
    best = 0.5 * math.log(2 * math.pi * math.e * 17 / 4)
    longer_runs = dict.fromkeys(("0.062", "0.075", "0.015", "0.019"))  # bench/flows.py
    return {
        "0.306853": 1 - math.log(2),
        "0.22": nice_limit_in_bits(2),
        "0.038": nice_limit_in_bits(64),
        "0.0017": nice_limit_in_bits(3072),
        "0.3069": 1 - math.log(2),
        "0.05": None,
        "2.55": 32 / (4 * math.pi),
        **longer_runs,
        "2.144636": humps,
        "0.723553": best + 0.5 * math.log(2 * math.pi * math.e / 4) - humps,
    }


def chapter_08() -> dict[str, float | None]:
    """What the text prints, in the order of reading; None is a choice, no result."""
    mean, scale, at_hill = best_reverse(2.0)
    _, wide, between = best_reverse(0.0)
    forward = kl(log_hills, lambda x: log_normal(x, 0.0, math.sqrt(10)))
    return {
        "0.461995": forward,
        "2.98431": mean,
        "1.02337": scale,
        "0.688769": at_hill,
        "0.693147": math.log(2),
        "2.74377": wide,
        "0.840621": between,
        "1.611997": SineRing().log_normaliser,
        "1.671": least_of_one_planar_layer(),
        "1.6": None,
        "0.85": None,
        "0.3": None,
        "0.9": None,
        "0.1": None,
        "2.30": -math.log(0.1),
        "0.11": -math.log(0.9),
    }


def chapter_09() -> dict[str, float | None]:
    """What the text prints, in the order of reading; None is a choice, no result."""
    blur = ((1 + 2 * math.cos(math.pi / 7)) / 3) ** 2
    choices = dict.fromkeys(("0.5", "0.9", "0.99", "0.05"))
    return choices | {
        "3.2": 64 * 0.05,
        "1.46": 0.9 * np.linalg.norm([[2.0, 1.0], [0.0, 1.0]], 2) / math.sqrt(2),
        "1.9": 1 + 0.9,
        "1.5": None,
        "2.5": 1 + 1.5,
        "0.8": 2 / 2.5,
        "0.4": 1 / 2.5,
        "0.872": blur,
        "2.36": 0.9 / (1 / 3) * blur,
    }


def chapter_10() -> dict[str, float | None]:
    """What the text prints, in the order of reading; None is a choice, no result."""
    series = {"0.9": None, "0.81": 0.9**2, "0.85": None}
    return series | {"0.01": None, "0.5": None, "0.99": None}


def order_gap_of_the_banana() -> float:
    """What the best affine autoregressive layer loses on it with x_2 first."""

    def moment(second: float, power: int) -> float:
        def mass(first: float) -> float:
            noise = 2 * (second - first**2 / 2)
            density = math.exp(-(first**2 + noise**2) / 2) / math.pi  # slope 2
            return first**power * density

        return quad(mass, -8, 8, points=[-2, 0, 2], epsabs=1e-13, limit=200)[0]

    def inner(second: float) -> float:
        weight = moment(second, 0)
        return weight * math.log(moment(second, 2) / weight)  # x_1 has the mean 0

    # The variance of x_2 is 1/2 + 1/4; the entropy of the banana log(2 pi e) - log 2.
    spread = quad(inner, -2.7, 18, limit=200, epsabs=1e-9)[0]
    return 0.5 * (math.log(0.75) + spread) + math.log(2)


def order_gap_of_the_funnel() -> float:
    """What the best affine autoregressive layer loses on it with x_2 first."""

    # x_2 alone decides by log|x_2|, whose joint density with x_1 has no long tails.
    def moment(log_size: float, power: int) -> float:
        def mass(first: float) -> float:
            exponent = -(first**2) / 18 + log_size - first / 2
            return first**power * math.exp(
                exponent - math.exp(2 * log_size - first) / 2
            )

        value, _ = quad(mass, -40, 40, points=[-10, 0, 10], epsabs=1e-13, limit=200)
        return value / (3 * math.pi)

    def inner(log_size: float) -> float:
        weight, mean, square = (moment(log_size, power) for power in range(3))
        return weight * math.log(square / weight - (mean / weight) ** 2)

    spread = quad(inner, -18, 10, limit=200, epsabs=1e-8)[0]
    return 0.5 * (9 / 2 + spread) - math.log(3)


def chapter_07() -> dict[str, float | None]:
    """What the text prints, in the order of reading; None is a choice, no result."""
    banana = order_gap_of_the_banana()
    spreads = 0.5 * math.log(16 / 3) + 0.5 * math.log(13 / 3)
    return {
        "0.549": math.log(3) / 2,
        "0.214": math.log(3) / 2 - banana,
        "1.627": order_gap_of_the_funnel(),
        "0.4": None,  # the seven gaps are above it
        "0.33543": banana,
        "0.9423": math.log(2 * math.pi * math.e) + spreads - math.log(32),
    }


def chapter_12() -> dict[str, float | None]:
    """What the text prints, in the order of reading; None is a choice, no result."""
    chosen = dict.fromkeys(("0.8", "0.9", "0.99", "0.9999"))
    return {
        "0.33543": order_gap_of_the_banana(),
        "0.08": 2 * (3 * 8 - 1) / (2 * 300),
        "0.1": None,
        "0.643": copula_gap("two moons", 0.1)[0],
        "0.645": copula_gap("two moons", 0.0)[0],
        "0.00003": -copula_gap("pinwheel", 0.0)[1],
        **chosen,
        "0.56": both_above(0.9),
        "0.38": both_above(0.99),
        "0.19": both_above(0.9999),
    }


def copula_gap(name: str, bend: float) -> tuple[float, float]:
    """KL to the best Gaussian copula with these marginals, and the mean of y_1 y_2.

    The first marginal is true for bend 0. The whole density is written down and the
    divergence summed by the trapezoidal rule.
    """
    density, lines, normal = ZOO[name], [], []
    for low, high in density.bounds:
        lines.append(np.linspace(low, high, 501))
    points = np.stack(np.meshgrid(*lines, indexing="ij"), -1)
    log_p = density.log_prob(torch.from_numpy(points)).numpy()
    p, steps = np.exp(log_p), [line[1] - line[0] for line in lines]
    log_slopes = []
    for i in range(2):
        side = np.trapezoid(p, dx=steps[1 - i], axis=1 - i)
        below = cumulative_trapezoid(side, dx=steps[i], initial=0) / np.trapezoid(
            side, dx=steps[i]
        )
        score = norm.ppf(below.clip(1e-13, 1 - 1e-13))
        hill = (bend if i == 0 else 0) * np.exp(-(score**2) / 2)
        slope = 1 + hill * (1 - score**2)
        log_slopes.append(np.log(slope * side) - norm.logpdf(score))
        normal.append(score * (1 + hill))
    y = np.stack(np.meshgrid(*normal, indexing="ij"), -1)
    log_slope = log_slopes[0][:, None] + log_slopes[1]

    def gap(rho: float) -> float:
        across = (y[..., 1] - rho * y[..., 0]) / math.sqrt(1 - rho**2)
        log_q = -(y[..., 0] ** 2 + across**2) / 2 - math.log(2 * math.pi)
        log_q = log_q - math.log(1 - rho**2) / 2 + log_slope
        return (p * (log_p - log_q)).sum() * steps[0] * steps[1]

    best = minimize_scalar(gap, bounds=(-0.6, 0.6), method="bounded")
    return best.fun, (p * y[..., 0] * y[..., 1]).sum() * steps[0] * steps[1]


def both_above(level: float) -> float:
    """P(second above its quantile | first above) for normals of correlation 0.8."""
    edge = norm.ppf(level)
    both = quad(lambda y: norm.pdf(y) * norm.sf((edge - 0.8 * y) / 0.6), edge, 20)[0]
    return both / (1 - level)


def nice_limit_in_bits(dim: int) -> float:
    """The least KL, per dimension, of constant determinants on a uniform set."""
    half = dim / 2
    return (
        (math.lgamma(half + 1) + half - half * math.log(half + 1)) / dim / math.log(2)
    )


def histogram_bits() -> float:
    """Bits per dimension of the test digits under a histogram of each pixel."""
    images = load_digits().data.astype(int)
    order = np.random.default_rng(0).permutation(len(images))
    train, test = images[order[:1437]], images[order[1437:]]
    total = 0.0
    for pixel in range(64):
        counts = np.bincount(train[:, pixel], minlength=17) + 0.5
        total -= np.log2(counts / counts.sum())[test[:, pixel]].mean()
    return total / 64


def chapter_11() -> dict[str, float | None]:
    """What the text prints, in the order of reading; None is a choice, no result."""
    return {
        "2.430": histogram_bits(),
        "4.087": math.log2(17),
        "0.693": math.log(2),
        "0.038": nice_limit_in_bits(64),
        "2.8": chi2.cdf(32, 64) * 1e4,
        "0.721": 0.5 / math.log(2),
        "3.35": None,
        "4.65": 8 - 3.35,
    }


def independent_pixels() -> float:
    """Mean log-probability of black and white test digits, each pixel on its own."""
    images = load_digits().data
    order = np.random.default_rng(0).permutation(len(images))
    train, test = images[order[:1437]] > 7, images[order[1437:]] > 7
    ink = (train.sum(0) + 0.5) / (len(train) + 1)
    return np.log(np.where(test, ink, 1 - ink)).sum(1).mean()


def chapter_13() -> dict[str, float | None]:
    """What the text prints, in the order of reading; None is a choice, no result."""
    merged = 2 / 9 * (math.log((0.09 + 0.5) / 0.09) - math.log(2))
    value = quad(lambda y: math.exp(-((y - 1) ** 4)) * norm.pdf(y), -9, 9)[0]
    one = quad(lambda z: norm.pdf(z, 0.5, 0.5**0.5) ** 2 / norm.pdf(z), -20, 20)[0]
    return {
        "0.3": None,
        "0.0044": 35 / 8000,
        "0.264": merged,
        "0.1": None,
        "0.35": (8 / 9) ** 9,
        "0.15": None,
        "0.25": 0.5 / 2,
        "0.431587": value,
        "0.75": None,
        "1.3641": one,
        "0.27": 1 - 1 / one,
        "0.637": quad(lambda y: abs(y) * norm.pdf(y), -9, 9, points=[0])[0] ** 2,
        "1.155": 2 / math.sqrt(3),
        "0.8": None,
        "0.2": None,
        "0.16": 0.8 * 0.2**2 + 0.2 * 0.8**2,
        "0.1024": (0.8 * 0.2 + 0.2 * 0.8) ** 2,
    }


def chapter_14() -> dict[str, float | None]:
    """What the text prints, in the order of reading; None is a choice, no result."""
    log_p = log_normal(1, 0, math.sqrt(2))
    # ELBO of N(m, s²): -log(2 pi) - ((1 - m)² + m² + 2 s²) / 2 + log(s sqrt(2 pi e)).
    entropy = math.log(0.9 * math.sqrt(2 * math.pi * math.e))
    poor = -math.log(2 * math.pi) - (0.8**2 + 0.2**2 + 2 * 0.9**2) / 2 + entropy
    # E p(1|z)² under the prior is a normal integral: exp(-1/3) / (2 pi sqrt(3)).
    second = math.exp(-1 / 3) / (2 * math.pi * math.sqrt(3))
    largest = np.linalg.eigvalsh(np.cov(load_digits().data.T / 16, bias=True))[-1]
    return {
        "25.25": -independent_pixels(),
        "0.2": None,
        "0.9": None,
        "0.158787": log_p - poor,
        "0.1821": (second / math.exp(2 * log_p) - 1) / 2,
        "1.918939": 0.5 * math.log(2 * math.pi) + 1,
        "1.515512": -log_p,
        "0.70": largest,
        "5.7": math.sqrt(32),
    }


NUMBERS = {
    "01_densities": chapter_01,
    "02_one_dimension": chapter_02,
    "03_many_dimensions": chapter_03,
    "04_linear": chapter_04,
    "05_elementwise": chapter_05,
    "06_coupling": chapter_06,
    "07_autoregressive": chapter_07,
    "08_reverse_kl": chapter_08,
    "09_contraction_mappings": chapter_09,
    "10_log_dets_and_time": chapter_10,
    "11_images": chapter_11,
    "12_gaussianization": chapter_12,
    "13_latent_variables": chapter_13,
    "14_elbo": chapter_14,
}


@pytest.mark.parametrize("chapter", NUMBERS)
def test_every_decimal_number_of_the_text_is_right_to_its_last_digit(chapter):
    texts = [cell.text for cell in PAGES[chapter].cells if cell.kind == "markdown"]
    prose = "\n".join(texts)
    prose = re.sub(r"^```python.*?^```", "", prose, flags=re.MULTILINE | re.DOTALL)
    printed = list(dict.fromkeys(re.findall(r"\d+\.\d+", prose)))
    values = NUMBERS[chapter]()
    assert printed == list(values)
    for text, value in values.items():
        if value is not None:
            assert f"{value:.{len(text.split('.')[1])}f}" == text
