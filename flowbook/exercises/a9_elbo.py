"""What the checks of assignment 9, the ELBO and a VAE, ask and know."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.distributions import Categorical, Normal

from flowbook.checks import CheckFailed, check_samples
from flowbook.digits import bits_per_dim, digits_split
from flowbook.exercises.assignment import Assignment, Section
from flowbook.exercises.known import Mistake, parts
from flowbook.exercises.known import check as check  # hidden tests use it
from flowbook.exercises.mistakes.a9_elbo import (
    Draw,
    Elbo,
    Evidence,
    Kl,
    Levels,
    LevelsRange,
    Path,
    Score,
    Vae,
    VaeBound,
)

DIVERGENCE = Section("14_elbo", "The divergence to the prior has a formula")
TWO = Section("14_elbo", "Two divergences that must not be confused")
DIGITS = Section("14_elbo", "A VAE of digits")
LINEAR = Section("14_elbo", "The linear VAE is probabilistic PCA")
SCORE = Section("15_gradients", "In the density: the score function")
PATH = Section("15_gradients", "In the samples: reparameterisation")

A9 = Assignment("Assignment 9: the ELBO and a VAE", by_hand=3)
run, summary = A9.run, A9.summary


# --- Exercise 9.1: from the posterior to the prior ------------------------------------


@A9.check(
    "9.1 divergence",
    points=2,
    passes="the divergence to any diagonal normal",
    read=DIVERGENCE,
)
def check_kl(gaussian_kl: Callable) -> None:
    """Two rows of three entries, in two dtypes."""
    mean = torch.tensor([[0.5, -1.0, 0.3], [1.5, 0.2, -0.4]])
    log_var = torch.tensor([[-1.0, 0.3, -0.5], [0.4, -0.8, 0.6]])
    prior_mean = torch.tensor([[0.2, -0.5, 1.0], [0.3, 0.1, -1.0]])
    prior_log_var = torch.tensor([[0.5, -0.4, 0.2], [-0.3, 0.9, 0.1]])
    given = mean, log_var, prior_mean, prior_log_var
    zero = torch.zeros_like(mean)
    cases = {
        "equal means": lambda: gaussian_kl(mean, log_var, mean, prior_log_var),
        "equal variances": lambda: gaussian_kl(mean, log_var, prior_mean, log_var),
        "prior variances of 1": lambda: gaussian_kl(mean, log_var, prior_mean, zero),
    }
    for dtype in (torch.get_default_dtype(), torch.float64):
        where = ", in float64" if dtype == torch.float64 else ""
        got = gaussian_kl(*(each.to(dtype) for each in given))
        Kl.compare(got, where, dtype=dtype, cases={} if where else cases)


# --- Exercise 9.2: probabilities of levels --------------------------------------------


@A9.check(
    "9.2 levels",
    points=2,
    passes="the levels' probabilities sum to one",
    read=DIGITS,
)
def check_levels(level_log_prob: Callable) -> None:
    """Two rows of three pixels, the ends among them, in two dtypes."""
    x = torch.tensor([[0.0, 16.0, 5.0], [7.0, 3.0, 12.0]])
    centre = torch.tensor([[0.1, 0.8, 0.4], [0.5, -0.1, 0.7]])
    log_scale = torch.tensor([[-1.2, -0.7, -2.0], [-1.7, -0.9, -1.4]])
    given = x, centre, log_scale
    wide = torch.full_like(centre, 8.0)
    cases = {
        "widths so large that all levels are alike": lambda: level_log_prob(
            x, centre, wide
        )
    }
    for dtype in (torch.get_default_dtype(), torch.float64):
        where = ", in float64" if dtype == torch.float64 else ""
        got = level_log_prob(*(each.to(dtype) for each in given))
        Levels.compare(got, where, dtype=dtype, cases={} if where else cases)


@A9.check("9.2 range", points=1, passes="no width is too small", read=DIGITS)
def check_levels_range(level_log_prob: Callable) -> None:
    """Two pixels with narrow widths, and a narrow one beside a wide one."""
    narrow = far_levels(level_log_prob, torch.tensor([15 / 32, 17 / 32]), -8.0)
    LevelsRange.compare(narrow, " (two narrow pixels)")
    mixed = far_levels(level_log_prob, torch.tensor([15 / 32, 0.5]), -8.0, -0.5)
    LevelsRange.compare(mixed, " (narrow beside wide)")


def far_levels(
    level_log_prob: Callable,
    centre: Tensor,
    log_scale: float,
    other: float | None = None,
) -> Tensor:
    """Whether log P is finite, negative, does not rise with the distance, and falls.

    The first pixel has the levels 11, 13, 15, one call each; the second has 8.
    """
    other = log_scale if other is None else other
    widths = centre.new_tensor([log_scale, other])
    found = []
    for level in (11.0, 13.0, 15.0):
        x = centre.new_tensor([level, 8.0])
        found.append(float(level_log_prob(x[None], centre[None], widths[None])))
    log_p = torch.tensor(found, dtype=torch.float64)
    rises, falls = log_p[1:] > log_p[:-1], log_p[1:] < log_p[:-1]
    return torch.stack(
        [log_p.isfinite().all(), (log_p < 0).all(), ~rises.any(), falls.all()]
    )


# --- Exercise 9.3: the bound, from one draw -------------------------------------------


@A9.check(
    "9.3 draw", points=1, passes="every row draws, and a gradient flows", read=PATH
)
def check_draw(draw: Callable) -> None:
    """The noise of some thousand entries, and the gradients through them."""
    check_noise(draw, (800, 5), -1.4, torch.get_default_dtype())


def check_noise(
    draw: Callable, shape: tuple[int, int], number: float, dtype: torch.dtype
) -> None:
    """Raise CheckFailed unless the draws have the right law and gradients.

    `number` is the log-variance of all entries, whose shape is `shape`.
    """
    mean = torch.linspace(-3.0, 3.0, shape[0] * shape[1], dtype=dtype)
    mean = mean.reshape(shape).requires_grad_()
    log_var = torch.full(shape, number, dtype=dtype).requires_grad_()
    z = draw(mean, log_var)
    if type(z) is not Tensor:
        check(z, torch.zeros(shape, dtype=dtype), idea="one z for each row")
    check(torch.ones_like(z), torch.ones(shape, dtype=dtype), idea="one z for each row")
    if not bool(torch.isfinite(z).all()):
        check(z, mean, idea=Draw.idea, mistakes=[Draw.positive.giving(z)])
    if (z - z.mean()).abs().max() < 0.9 * mean.abs().max():
        fail_draw(0.0, 1.0, "the share of the mean in z", Draw.no_mean)
    noise = (z - mean).detach()
    if noise.abs().max() < 1e-6:
        fail_draw(0.0, 1.0, "the spread of the draws, in parts of s", Draw.no_noise)
    if noise.std(0).max() < 1e-5:
        fail_draw(0.0, 1.0, "the share of rows with a noise of their own", Draw.batch)
    if shape[1] > 1 and noise.std(1).max() < 1e-5:
        fail_draw(
            0.0, 1.0, "the share of latents with a noise of their own", Draw.latents
        )
    law = torch.tensor(number, dtype=torch.float64)
    widths = [
        (Draw.std, law.exp()),
        (Draw.positive, law.abs()),
        (Draw.positive, law.abs() / 2),
        (Draw.unit, torch.ones_like(law)),
        (Draw.turned, (-law / 2).exp()),
    ]
    right = (law / 2).exp()
    wrong = [known.giving(Normal(0 * law, s).cdf) for known, s in widths]
    flat = Draw.uniform.giving(lambda x: (x / right).clamp(0, 1))
    try:
        check_samples(
            noise,
            Normal(0 * law, right).cdf,
            like=mean.detach(),
            idea=Draw.idea,
            mistakes=[*wrong, flat],
        )
    except CheckFailed as failed:
        if failed.mistake is None and failed.problem.endswith("."):
            failed.problem += (
                f" Around the mean they have the standard deviation {noise.std():.3f};"
                f" s is {right:.3f}."
            )
        raise
    slopes = torch.autograd.grad(
        z.sum() + 0 * (mean.sum() + log_var.sum()), (mean, log_var)
    )
    if slopes[0].abs().max() < 1e-6:
        fail_draw(0.0, 1.0, "the slope of z in the mean", Draw.no_gradient)
    if slopes[1].abs().max() < 1e-6:
        fail_draw(
            0.0,
            1.0,
            "the share of entries with a slope in log_var",
            Draw.no_gradient_of_s,
        )
    check(slopes[0], torch.ones_like(mean), idea="the slope of z in the mean")
    check(slopes[1], noise / 2, idea="the slope of z in log_var")


def fail_draw(got: float, expected: float, what: str, mistake: Mistake) -> None:
    """Raise CheckFailed: this number of the draws is wrong."""
    check(got, expected, idea=what, mistakes=[mistake.giving(got)])


@A9.check("9.3 ELBO", points=2, passes="the bound is in order", read=TWO)
def check_elbo(elbo: Callable) -> None:
    """Three rows and two latents, with a draw that is no surprise."""
    numbers = torch.tensor([[0.6, -0.9], [-0.4, 1.1], [1.2, 0.3]])
    noise = torch.tensor([[0.7, -1.1], [-0.2, 0.5], [1.4, -0.6]])
    x = torch.tensor([[0.5, -1.0, 0.8], [1.5, 0.3, -0.7], [-0.6, 0.9, 0.2]])
    for dtype in (torch.get_default_dtype(), torch.float64):
        where = ", in float64" if dtype == torch.float64 else ""

        def encoder(x: Tensor) -> tuple[Tensor, Tensor]:
            return x @ numbers.to(x), torch.sin(2 * x[:, :2])

        def draw(mean: Tensor, log_var: Tensor) -> Tensor:
            return torch.addcmul(mean, log_var.div(2).exp(), noise.to(mean))

        def log_likelihood(x: Tensor, z: Tensor) -> Tensor:
            return torch.cos(x[:, 0] + z[:, 0]) - z[:, 1] ** 2 - 3

        def prior(x: Tensor) -> tuple[Tensor, Tensor]:
            return torch.zeros_like(x[:, :2]), torch.zeros_like(x[:, :2])

        def silent(x: Tensor, z: Tensor) -> Tensor:
            return 0 * x[:, 0]

        cases = {
            "a q that is the prior": lambda: elbo(x, prior, draw, log_likelihood),
            "a likelihood of 1": lambda: elbo(x, encoder, draw, silent),
        }
        got = elbo(x.to(dtype), encoder, draw, log_likelihood)
        Elbo.compare(got, where, dtype=dtype, cases={} if where else cases)


# --- Exercise 9.4: a VAE of digits ----------------------------------------------------


@A9.check(
    "9.4 VAE", points=2, passes="your VAE knows more than each pixel alone", read=DIGITS
)
def check_vae(trained: object) -> None:
    """Better than the best that one can say of each pixel alone."""
    check_bits(trained, digits_split()[1], 2.43, Vae)


@A9.check(
    "9.4 bound", points=2, passes="your VAE is as good as it should be", read=DIGITS
)
def check_vae_bound(trained: object) -> None:
    """As good as a small VAE is that is right in every part."""
    check_bits(trained, digits_split()[1], 2.25, VaeBound)


def check_bits(trained: object, images: Tensor, limit: float, known: type[Vae]) -> None:
    """Raise CheckFailed unless a VAE's bound for images is below a limit, in bits.

    Codes come to the decoder in another order than images to the encoder, so that the
    two can share nothing but z.
    """
    encoder, decoder = parts(trained, "encoder, decoder", idea="what train_vae returns")
    with torch.no_grad():
        fit, cost, bits = measured(encoder, decoder, images, "as asked")
        if not bits <= limit:
            mistake = diagnosed(encoder, decoder, images, fit, cost, bits)
            mistake = mistake if mistake in known.mistakes().values() else Vae.little
            shown = round(bits, 3)  # of what, and how much is allowed, says the idea
            idea = f"{Vae.idea}, which must be less than {limit}"
            check(shown, limit, idea=idea, mistakes=[mistake.giving(shown)])


READINGS = {
    "as asked": (0.5, 1.0, 1.0, 1.0),
    "s = exp(log_var)": (1.0, 1.0, 1.0, 1.0),
    "no noise": (torch.inf, 1.0, 1.0, 1.0),
    "in levels": (0.5, 16.0, 16.0, 1.0),
    "the centre in levels": (0.5, 16.0, 1.0, 1.0),
    "log_scale = log s^2": (0.5, 1.0, 1.0, 2.0),
}
"""How numbers are read: the share of log_var in log s, the units of centre and s, and
the share of log s in log_scale."""

IN_LEVELS = "in levels", "the centre in levels"


def measured(
    encoder: Callable, decoder: Callable, images: Tensor, reading: str
) -> tuple[float, float, float]:
    """Return the mean log P(x | z) and the mean KL, in nats, and the bound in bits."""
    power, unit, of_width, of_scale = READINGS[reading]
    x = images.repeat(2, 1)
    names = "mean, log_var"
    mean, log_var = parts(encoder(x), names, idea="what the encoder returns")
    for each in (mean, log_var):
        idea = "the encoder's numbers, one row for each image"
        check(torch.ones_like(each), torch.ones(len(x), mean.shape[1]).to(x), idea=idea)
    noise = torch.randn_like(mean)
    z = mean if power == torch.inf else mean + torch.exp(power * log_var) * noise
    order = torch.randperm(len(x))
    numbers = parts(
        decoder(z[order]), "centre, log_scale", idea="what the decoder returns"
    )
    back = torch.argsort(order)
    for each in numbers:
        idea = "the decoder's numbers, one for each pixel"
        check(torch.ones_like(each), torch.ones(len(x), 64).to(x), idea=idea)
    centre, log_scale = numbers[0][back], numbers[1][back]
    if not all(
        bool(torch.isfinite(e).all()) for e in (mean, log_var, centre, log_scale)
    ):
        return torch.nan, torch.nan, torch.nan
    width = torch.exp(log_scale / of_scale) / of_width
    scores = Normal(centre[..., None] / unit, width[..., None], validate_args=False)
    scores = scores.log_prob(torch.linspace(0, 1, 17).to(x))
    fit = Categorical(logits=scores, validate_args=False).log_prob(x).sum(1)
    at_z = Normal(mean, torch.exp(log_var / 2), validate_args=False)
    prior = Normal(torch.zeros_like(mean), 1.0)
    z = at_z.rsample()
    cost = (at_z.log_prob(z) - prior.log_prob(z)).sum(1)
    return fit.mean().item(), cost.mean().item(), bits_per_dim(fit - cost)


def diagnosed(
    encoder: Callable,
    decoder: Callable,
    images: Tensor,
    fit: float,
    cost: float,
    bits: float,
) -> Mistake:
    """Return the mistake that these numbers look like.

    Nats: a decoder that ignores z has a fit of about -120, a right one about -83 and
    a cost of about 10.
    """
    for power in (1, 2):  # numbers that are s^power, and no logarithms
        coded = measured(logarithm(encoder, 2 / power), decoder, images, "as asked")
        if coded[0] > -115 and not coded[0] < fit + 10:
            return Vae.encoder_exp
        made = measured(encoder, logarithm(decoder, 1 / power), images, "as asked")
        if made[0] > -115 and not made[0] < fit + 10:
            return Vae.decoder_exp
    if bits != bits:
        return Vae.ran_away
    fits = {name: measured(encoder, decoder, images, name)[0] for name in READINGS}
    better = {name for name, other in fits.items() if other > fit + 10}
    if any(name in better and fits[name] > -115 for name in IN_LEVELS):
        return Vae.units
    if bits > 6:
        silent = fits["no noise"] > -115
        return Vae.no_noise if silent else Vae.memorised
    if "log_scale = log s^2" in better and fits["log_scale = log s^2"] > -115:
        return Vae.variance
    if fit < -160 and cost < 2:
        return Vae.unscaled
    if cost < 1:
        return Vae.unused
    if "s = exp(log_var)" in better and fits["s = exp(log_var)"] > -90:
        return VaeBound.std
    return Vae.light if cost > 25 else Vae.little


def logarithm(network: Callable, times: float) -> Callable:
    """The same network, which returns the logarithm of its second number."""

    def returns(given: Tensor) -> tuple[Tensor, Tensor]:
        first, second = network(given)
        return first, times * second.log()

    return returns


# --- Exercise 9.5: the evidence itself ------------------------------------------------


def decoder() -> tuple[Tensor, Tensor, Tensor]:
    """W, b and the noise variances of three features and two latents."""
    weight = torch.tensor([[1.0, 0.5], [-0.3, 0.8], [0.6, -1.1]])
    return weight, torch.tensor([0.1, -0.2, 0.3]), torch.tensor([0.5, 0.2, 1.5])


@A9.check("9.5 evidence", points=2, passes="the density of x itself", read=LINEAR)
def check_evidence(log_evidence: Callable) -> None:
    """Two rows of three features, in two dtypes."""
    x = torch.tensor([[1.0, -0.5, 2.0], [0.3, 0.8, -1.2]])
    prior_mean, prior_log_var = torch.tensor([0.4, -0.6]), torch.tensor([0.5, -0.7])
    given = x, prior_mean, prior_log_var, *decoder()
    weight, bias, noise = decoder()
    none = torch.zeros(2)
    cases = {
        "b = 0": lambda: log_evidence(
            x, prior_mean, prior_log_var, weight, 0 * bias, noise
        ),
        "x at its mean": lambda: log_evidence(
            (weight @ prior_mean + bias).expand(2, 3), *given[1:]
        ),
        "W = 0": lambda: log_evidence(
            x, prior_mean, prior_log_var, 0 * weight, bias, noise
        ),
        "the prior N(0, I)": lambda: log_evidence(x, none, none, weight, bias, noise),
    }
    for dtype in (torch.get_default_dtype(), torch.float64):
        where = ", in float64" if dtype == torch.float64 else ""
        got = log_evidence(*(each.to(dtype) for each in given))
        Evidence.compare(got, where, dtype=dtype, cases={} if where else cases)


# --- Exercise 9.6: two gradients of one expectation -----------------------------------


@A9.check(
    "9.6 score function", points=2, passes="the score-function estimates", read=SCORE
)
def check_score(score_gradients: Callable) -> None:
    """Three draws, in two dtypes."""
    for dtype in (torch.get_default_dtype(), torch.float64):
        where = ", in float64" if dtype == torch.float64 else ""
        mean, log_std = torch.tensor([0.3, -0.5], dtype=dtype)
        eps = torch.tensor([0.5, -1.0, 1.5], dtype=dtype)
        cases = standard_cases(score_gradients, mean, log_std, eps)
        got = score_gradients(torch.sqrt, mean, log_std, eps)
        Score.compare(got, where, dtype=dtype, cases={} if where else cases)


def standard_cases(
    gradients: Callable, mean: Tensor, log_std: Tensor, eps: Tensor
) -> dict[str, Callable]:
    """Simpler questions on gradients."""
    return {
        "two draws": lambda: gradients(torch.sqrt, mean, log_std, eps[:2]),
        "s = 1": lambda: gradients(torch.sqrt, mean, 0 * log_std, eps),
        "f(y) = y": lambda: gradients(lambda y: 1 * y, mean, log_std, eps),
        "f(y) = log y": lambda: gradients(torch.log, mean, log_std, eps),
    }


@A9.check("9.6 path", points=1, passes="the pathwise estimates", read=PATH)
def check_path(path_gradients: Callable) -> None:
    """Three draws, in two dtypes."""
    for dtype in (torch.get_default_dtype(), torch.float64):
        where = ", in float64" if dtype == torch.float64 else ""
        mean, log_std = torch.tensor([0.3, -0.5], dtype=dtype)
        eps = torch.tensor([0.5, -1.0, 1.5], dtype=dtype)
        cases = standard_cases(path_gradients, mean, log_std, eps)
        cases["y = 1"] = partial(path_gradients, torch.sqrt, 0 * mean, log_std, 0 * eps)
        got = path_gradients(torch.sqrt, mean, log_std, eps)
        Path.compare(got, where, dtype=dtype, cases={} if where else cases)
