"""Claims about correlations as a layer, the Gaussian copula and its flow."""

import math

import pytest
import torch
from torch.distributions import MultivariateNormal, Normal

from flowbook.copula import Correlation, GaussianCopula, gaussian_copula
from flowbook.densities import ZOO, StandardNormal, midpoints

pytestmark = pytest.mark.usefixtures("float64")
MATRIX = torch.tensor(
    [[1.0, 0.6, -0.3], [0.6, 1.0, 0.2], [-0.3, 0.2, 1.0]], dtype=torch.float64
)


def test_a_correlation_layer_starts_at_its_matrix_and_gives_the_normal_density():
    layer = Correlation(MATRIX)
    torch.testing.assert_close(layer.matrix, MATRIX)
    x = torch.randn(50, 3)
    z, log_det = layer.inverse(x)
    expected = MultivariateNormal(torch.zeros(3), MATRIX).log_prob(x)
    torch.testing.assert_close(StandardNormal(3).log_prob(z) + log_det, expected)


def test_whatever_the_parameters_the_matrix_has_ones_on_its_diagonal():
    layer = Correlation(torch.eye(4))
    with torch.no_grad():
        layer.below += 3 * torch.randn(4, 4)
    torch.testing.assert_close(layer.matrix.diagonal(), torch.ones(4))
    assert torch.linalg.eigvalsh(layer.matrix).min() > 0


@pytest.mark.parametrize(
    "matrix",
    [
        [[1.0, 0.5], [0.4, 1.0]],
        [[2.0, 0.5], [0.5, 1.0]],
        [[1.0, 1.1], [1.1, 1.0]],
        [[1.0, 0.5]],
    ],
)
@pytest.mark.parametrize("build", [Correlation, GaussianCopula])
def test_other_matrices_are_refused(build, matrix):
    with pytest.raises(ValueError, match="expects a correlation matrix"):
        build(torch.tensor(matrix))


def test_the_copula_is_the_density_of_uniformed_normals():
    y = torch.randn(100, 3)
    ratio = MultivariateNormal(torch.zeros(3), MATRIX).log_prob(y)
    expected = ratio - StandardNormal(3).log_prob(y)
    u = Normal(0.0, 1.0).cdf(y)
    torch.testing.assert_close(
        GaussianCopula(MATRIX).log_prob(u), expected, rtol=1e-6, atol=1e-6
    )


def test_the_copula_has_mass_one_uniform_marginals_and_its_entropy():
    copula = GaussianCopula([[1.0, -0.7], [-0.7, 1.0]])
    y, cell = midpoints(((-6.0, 6.0),) * 2, 400)
    weight = StandardNormal(2).log_prob(y).exp() * cell
    log_c = copula.log_prob(Normal(0.0, 1.0).cdf(y))
    mass = (weight * log_c.exp()).reshape(400, 400)
    assert abs(mass.sum() - 1) < 1e-7
    along = weight.reshape(400, 400).sum(0)
    torch.testing.assert_close(mass.sum(0), along, rtol=1e-3, atol=1e-9)
    entropy = -(mass.flatten() @ log_c)
    assert abs(entropy - copula.entropy()) < 1e-6
    assert copula.entropy() == pytest.approx(0.5 * math.log(1 - 0.49))


def test_samples_of_the_copula_are_uniform_and_have_its_entropy():
    copula = GaussianCopula(MATRIX)
    u = copula.sample(40_000, 0)
    steps = torch.arange(1, 40_001) / 40_000
    assert (u.sort(0).values - steps[:, None]).abs().max() < 0.01
    surprise = -copula.log_prob(u)
    error = 4 * surprise.std() / 200
    assert abs(surprise.mean() - copula.entropy()) < error
    assert copula.sample(7, 0, torch.float32).dtype == torch.float32


def test_outside_the_cube_the_copula_has_no_mass():
    u = torch.tensor([[0.5, 0.5, 1.0], [-0.1, 0.5, 0.5], [0.2, 0.3, 0.4]])
    log_prob = GaussianCopula(MATRIX).log_prob(u)
    assert log_prob.isfinite().tolist() == [False, False, True]


def test_a_density_with_a_gaussian_copula_is_fitted_to_its_entropy():
    y = torch.randn(20_000, 3) @ torch.linalg.cholesky(MATRIX).mT
    x = torch.sinh(y)  # increasing in each entry: the copula stays
    flow = gaussian_copula(x, components=8)
    found = flow.layers[0].matrix
    torch.testing.assert_close(found, MATRIX, rtol=0, atol=0.03)
    truth = MultivariateNormal(torch.zeros(3), MATRIX).log_prob(y)
    truth = truth - y.cosh().log().sum(-1)
    assert 0 < (truth - flow.log_prob(x)).mean() + 0.01 < 0.03


def test_where_the_scores_are_uncorrelated_the_copula_is_no_help():
    data = ZOO["eight gaussians"].sample(20_000, 0)
    assert abs(gaussian_copula(data, 8).layers[0].matrix[0, 1]) < 0.02
