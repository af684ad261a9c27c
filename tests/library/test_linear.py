"""Claims about linear layers that the tests of every layer do not make."""

import pytest
import torch

from flowbook.linear import PLU, ActNorm, Diagonal, Householder, Permutation, Triangular

pytestmark = pytest.mark.usefixtures("float64")

# Problem 4 of appendix A: its determinant is 8, and the inverse is known in fractions.
LOWER = [[1.0, 0, 0, 0], [2, 4, 0, 0], [1, -1, 2, 0], [4, -2, -2, 1]]
LOWER_INVERSE = [
    [1.0, 0, 0, 0],
    [-1 / 2, 1 / 4, 0, 0],
    [-3 / 4, 1 / 8, 1 / 2, 0],
    [-13 / 2, 3 / 4, 1, 1],
]


def test_triangular_solves_the_textbook_system():
    layer = Triangular(torch.tensor(LOWER))
    columns, log_det = layer.inverse(torch.eye(4))
    torch.testing.assert_close(columns.mT, torch.tensor(LOWER_INVERSE))
    torch.testing.assert_close(log_det, -torch.tensor(8.0).log().expand(4))


def test_diagonal_keeps_negative_scales():
    layer = Diagonal(torch.tensor([2.0, -5.0, 1.0, 2.0]))
    x, log_det = layer(torch.ones(1, 4))
    torch.testing.assert_close(x, torch.tensor([[2.0, -5.0, 1.0, 2.0]]))
    torch.testing.assert_close(log_det, torch.tensor([20.0]).log())


@pytest.mark.parametrize("dim", [1, 2, 5, 30])
def test_plu_starts_as_the_given_matrix_and_has_its_determinant(dim):
    matrix = torch.randn(dim, dim)
    layer, z = PLU(matrix), torch.randn(7, dim)
    x, log_det = layer(z)
    torch.testing.assert_close(layer.matrix, matrix)
    torch.testing.assert_close(x, z @ matrix.mT)
    expected = torch.linalg.slogdet(matrix).logabsdet.expand(7)
    torch.testing.assert_close(log_det, expected, rtol=0, atol=1e-10)


def test_householder_is_orthogonal():
    layer = Householder(torch.randn(4, 5))
    matrix, _ = layer(torch.eye(5))
    torch.testing.assert_close(matrix @ matrix.mT, torch.eye(5))


def test_householder_is_the_product_of_its_reflections_the_last_one_first():
    vectors, z = torch.randn(3, 5), torch.randn(7, 5)
    mirrors = [torch.eye(5) - 2 * torch.outer(v, v) / v.dot(v) for v in vectors]
    x, _ = Householder(vectors)(z)
    torch.testing.assert_close(x, z @ torch.linalg.multi_dot(mirrors).mT)


def test_permutation_reads_entry_order_i_into_entry_i():
    x, _ = Permutation(torch.tensor([2, 0, 1]))(torch.tensor([[10.0, 20.0, 30.0]]))
    assert x.tolist() == [[30.0, 10.0, 20.0]]


def test_actnorm_makes_the_first_batch_of_data_standard_and_then_stays():
    layer = ActNorm(3)
    layer(torch.randn(100, 3) - 7)  # a sample drawn before any data must set nothing
    batch = torch.randn(100, 3) * torch.tensor([0.1, 1.0, 20.0]) + 5
    value, _ = layer.inverse(batch)
    torch.testing.assert_close(value.mean(0), torch.zeros(3))
    torch.testing.assert_close(value.var(0, correction=0), torch.ones(3))
    second, _ = layer.inverse(batch + 1)
    assert (second.mean(0) > 0.01).all(), "a later batch must not be centred again"


def test_actnorm_is_the_identity_in_evaluation_before_it_saw_a_batch():
    batch = torch.randn(4, 3) + 5
    assert torch.equal(ActNorm(3).eval().inverse(batch)[0], batch)


def test_actnorm_loaded_from_a_trained_one_does_not_start_again():
    trained, twin = ActNorm(3), ActNorm(3)
    trained.inverse(torch.randn(100, 3) + 5)
    twin.load_state_dict(trained.state_dict())
    batch = torch.randn(10, 3)
    assert torch.equal(twin.inverse(batch)[0], trained.inverse(batch)[0])


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Diagonal(torch.tensor([1.0, 0.0])), "nonzero"),
        (lambda: Triangular(torch.tensor([[0.0, 0], [1, 1]])), "nonzero"),
        (lambda: PLU(torch.ones(2, 2)), "nonzero"),
        (lambda: Permutation(torch.tensor([0, 0, 1])), "once each"),
        (lambda: Householder(torch.zeros(2, 2)), "zero"),
        (lambda: ActNorm(2).inverse(torch.ones(5, 2)), "every entry varies"),
    ],
)
def test_what_has_no_inverse_is_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
