"""Claims of flowbook.codes and code_prior: what rounding does, and what codes cost."""

import itertools
import math

import pytest
import torch

from flowbook.code_prior import CodePrior, MaskedConv
from flowbook.codes import (
    VectorQuantizer,
    code_frequencies,
    k_means,
    nearest_code,
    perplexity,
)
from flowbook.densities import GaussianMixture

pytestmark = pytest.mark.usefixtures("float64")


def test_the_nearest_code_is_that_of_all_distances():
    z, codebook = torch.randn(3, 40, 5), torch.randn(7, 5)
    expected = torch.cdist(z, codebook).argmin(-1)
    assert torch.equal(nearest_code(z, codebook), expected)


def test_of_equally_near_codes_the_first_is_taken():
    codebook = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [1.0, 0.0]])
    assert nearest_code(torch.tensor([[0.0, 3.0], [2.0, 0.0]]), codebook).tolist() == [
        0,
        0,
    ]


def test_the_gradient_passes_straight_through_and_is_not_the_true_one():
    layer, z = VectorQuantizer(5, 2), torch.randn(9, 2, requires_grad=True)

    def loss(vectors):
        return (vectors.square() * torch.tensor([1.0, 3.0])).sum()

    quantised, codes, _ = layer(z)
    torch.testing.assert_close(quantised, layer.codebook[codes])
    of_z, of_codebook = torch.autograd.grad(
        loss(quantised), (z, layer.codebook), allow_unused=True
    )
    at_code = 2 * layer.codebook[codes] * torch.tensor([1.0, 3.0])
    torch.testing.assert_close(of_z, at_code)
    assert of_codebook is None
    with torch.no_grad():  # what really happens when z moves a little: nothing
        moved = loss(layer(z + 1e-9)[0]) - loss(layer(z)[0])
    assert moved.abs() < 1e-12
    assert of_z.abs().max() > 0.1


def test_each_of_the_two_terms_pulls_one_side():
    layer, z = VectorQuantizer(4, 3, commitment=0.25), torch.randn(50, 3)
    z.requires_grad_()
    _, codes, terms = layer(z)
    difference = z - layer.codebook[codes]
    torch.testing.assert_close(terms, 1.25 * difference.square().sum(1))
    of_z, of_codebook = torch.autograd.grad(terms.sum(), (z, layer.codebook))
    torch.testing.assert_close(of_z, 0.25 * 2 * difference)
    pulled = torch.zeros(4, 3).index_add(0, codes, -2 * difference)
    torch.testing.assert_close(of_codebook, pulled.detach())


def test_the_codebook_term_rests_where_k_means_does():
    x = torch.randn(400, 2)
    codebook, codes = k_means(x, 6, seed=0, steps=200)
    layer = VectorQuantizer(6, 2)
    with torch.no_grad():
        layer.codebook.copy_(codebook)
    _, found, terms = layer(x)
    assert torch.equal(found, codes)
    (gradient,) = torch.autograd.grad(terms.sum(), layer.codebook)
    assert gradient.abs().max() < 1e-10


def test_a_dead_code_comes_back_where_the_data_are():
    layer, z = VectorQuantizer(6, 2), torch.randn(300, 2)
    with torch.no_grad():
        layer.codebook[2:] = 1e3
    assert layer.restart(z, seed=0) == 4
    assert (code_frequencies(nearest_code(z, layer.codebook), 6) > 0).all()
    assert layer.restart(z, seed=0) == 0


def test_perplexity_counts_the_codes_in_use():
    assert perplexity(torch.zeros(50, dtype=torch.long), 8) == 1
    torch.testing.assert_close(perplexity(torch.arange(80) % 8, 8), torch.tensor(8.0))
    shares = torch.tensor([0, 0, 0, 1])
    exact = 4 * 0.75**0.75 * 0.25**0.25 / 4
    torch.testing.assert_close(perplexity(shares, 4), torch.tensor(1 / exact))


def test_sixteen_tokens_of_512_codes_cost_their_logarithms():
    assert round(16 * math.log(512), 3) == 99.813


S, R = 0.1, 2.0
EIGHT = {  # number of codes: printed distortion, printed bound less entropy
    4: (0.605786, 2.7176),
    8: (0.020000, 0.0000),
    16: (0.013634, 0.3100),
}
CLOSED = {  # pairs of neighbours; one each; each cut in half through its middle
    4: 2 * S**2 + (R * math.sin(math.pi / 8)) ** 2,
    8: 2 * S**2,
    16: 2 * S**2 - S**2 * 2 / math.pi,
}


def bound(count: int, distortion: float) -> float:
    """-log p(code) - E log N(x; code, distortion / 2): nats, with a uniform prior."""
    return math.log(count) + math.log(math.pi * distortion) + 1


@pytest.mark.parametrize("count", EIGHT)
def test_more_codes_than_clumps_hurt(count):
    distortion, excess = EIGHT[count]
    assert round(CLOSED[count], 6) == distortion
    assert abs(bound(count, CLOSED[count]) - 0.312148 - excess) < 6e-5


@pytest.mark.parametrize("count", EIGHT)
def test_k_means_reaches_the_distortion_of_the_closed_form(count):
    angle = torch.arange(8) * math.pi / 4
    means = R * torch.stack((angle.cos(), angle.sin()), 1)
    noise = torch.randn(8, 5000, 2, generator=torch.Generator().manual_seed(0))
    x = (means[:, None] + S * noise).flatten(0, 1)
    found = []
    for seed in range(6):
        codebook, codes = k_means(x, count, seed)
        found.append((x - codebook[codes]).square().sum(1).mean().item())
    assert min(found) == pytest.approx(CLOSED[count], rel=0.02)


def test_the_entropy_of_the_eight_gaussians_is_that_of_the_zoo():
    angle = torch.arange(8) * math.pi / 4
    means = R * torch.stack((angle.cos(), angle.sin()), 1)
    density = GaussianMixture(means, S)
    assert abs(density.entropy() - 0.312148) < 1e-5


def test_all_maps_of_codes_have_the_probability_one_together():
    maps = torch.tensor(list(itertools.product(range(3), repeat=4))).view(-1, 2, 2)
    model = CodePrior(3, 2, hidden=8, classes=2).double()
    for label in (0, 1):
        log_prob = model.log_prob(maps, torch.full((len(maps),), label))
        torch.testing.assert_close(log_prob.exp().sum(), torch.tensor(1.0))


def test_a_place_is_predicted_from_all_that_come_before_it_and_nothing_else():
    model, codes = CodePrior(3, 4, hidden=16).double(), torch.zeros(1, 4, 4).long()
    before = model(codes)
    for place in range(16):
        changed = codes.clone()
        changed.view(-1)[place] = 1
        moved = (model(changed) - before).abs().sum(1).flatten() > 1e-12
        assert not moved[: place + 1].any()
        assert moved[place + 1 :].all()


def test_samples_of_a_prior_have_its_probabilities():
    torch.manual_seed(0)
    model, n = CodePrior(2, 2, hidden=8).double(), 20_000
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3.0)
    maps = torch.tensor(list(itertools.product(range(2), repeat=4))).view(-1, 2, 2)
    drawn = model.sample(n, seed=0).flatten(1) @ torch.tensor([8, 4, 2, 1])
    share = torch.bincount(drawn, minlength=16) / n
    exact = model.log_prob(maps).exp()
    assert ((share - exact).abs() < 4 * (exact * (1 - exact) / n).sqrt()).all()


def test_a_prior_with_labels_is_asked_with_labels():
    codes = torch.zeros(2, 2, 2).long()
    with pytest.raises(ValueError, match="built without labels"):
        CodePrior(2, 2).log_prob(codes, torch.zeros(2).long())
    with pytest.raises(ValueError, match="built with labels"):
        CodePrior(2, 2, classes=3).log_prob(codes)
    with pytest.raises(ValueError, match=r"\(batch, 3, 3\), got \(2, 2, 2\)"):
        CodePrior(2, 3).log_prob(codes)


def test_an_even_kernel_has_no_middle():
    with pytest.raises(ValueError, match="odd size, got 2"):
        MaskedConv(1, 1, 2, here=True)


def test_no_sample_is_an_empty_map():
    assert CodePrior(2, 2).sample(0, seed=0).shape == (0, 2, 2)


@pytest.mark.parametrize("wrong", [torch.randn(9), torch.ones(9, 2).long()])
def test_k_means_names_the_points_that_it_wants(wrong):
    with pytest.raises(ValueError, match="k_means expects x of"):
        k_means(wrong, 2, 0)


def test_a_prior_refuses_what_is_no_code_and_no_label():
    model = CodePrior(3, 2, 4, classes=2)
    codes, labels = torch.tensor([[[0, 1], [2, 0]]]), torch.tensor([1])
    expected = model.log_prob(codes, labels)
    for dtype in (torch.int32, torch.float64):  # whole numbers of any kind
        assert torch.equal(model.log_prob(codes.to(dtype), labels), expected)
    for wrong in (codes + 1, codes - 1, codes / 2):
        with pytest.raises(ValueError, match="codes, the whole numbers 0 to 2, got"):
            model.log_prob(wrong, labels)
    for wrong in (labels + 1, labels - 2):
        with pytest.raises(ValueError, match="labels, the whole numbers 0 to 1, got"):
            model.log_prob(codes, wrong)


@pytest.mark.parametrize("wrong", [[0, 3], [-1, 2], [0.5, 1.0]])
def test_codes_that_there_are_not_have_no_frequency(wrong):
    with pytest.raises(ValueError, match="expects codes, the whole numbers 0 to 2"):
        perplexity(torch.tensor(wrong), 3)
