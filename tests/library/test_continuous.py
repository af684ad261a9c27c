"""Claims about flows in continuous time, beyond those that every layer keeps."""

import math

import pytest
import torch
from torch import Tensor, nn

from flowbook.continuous import (
    Continuous,
    ExactTrace,
    HutchinsonTrace,
    VelocityField,
    runge_kutta,
    velocity_and_trace,
)

pytestmark = pytest.mark.usefixtures("float64")
A = [[0.3, -1.2, 0.0], [0.7, -0.4, 0.5], [0.0, 0.2, 0.6]]


class LinearField(nn.Module):
    """v(x, t) = A x, whose flow is known."""

    def __init__(self) -> None:
        super().__init__()
        self.matrix = nn.Parameter(torch.tensor(A))

    def forward(self, x: Tensor, t: float) -> Tensor:
        return x @ self.matrix.mT


def all_signs(z: Tensor) -> Tensor:
    """Every vector of signs, for every row, scaled so that their sum is a mean."""
    signs = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * z.shape[-1])
    return signs[:, None].expand(-1, len(z), -1) / len(signs) ** 0.5


def test_a_linear_field_is_followed_to_the_exponential_of_its_matrix():
    layer, z = Continuous(3, LinearField(), time=1.5, steps=200), torch.randn(10, 3)
    x, log_det = layer(z)
    matrix = torch.tensor(A)
    torch.testing.assert_close(x, z @ torch.linalg.matrix_exp(1.5 * matrix).mT)
    torch.testing.assert_close(log_det, (1.5 * matrix.trace()).expand(10))


def test_the_error_falls_with_the_fourth_power_of_the_step():
    field, z = VelocityField(2, 16), torch.randn(50, 2)
    with torch.no_grad():
        exact = Continuous(2, field, steps=200)(z)
        errors = []
        for steps in (5, 10):
            found = Continuous(2, field, steps=steps)(z)
            pairs = zip(found, exact, strict=True)
            errors.append([(a - b).norm() for a, b in pairs])
    for coarse, fine in zip(*errors, strict=True):
        assert 12 < coarse / fine < 20


def test_a_step_is_exact_for_cubic_velocities():
    x, h = torch.zeros(1, 1), 0.7
    moved = runge_kutta(lambda x, t: torch.full_like(x, 4 * t**3 - t), x, 0.5, h)
    expected = (0.5 + h) ** 4 - 0.5**4 - ((0.5 + h) ** 2 - 0.5**2) / 2
    torch.testing.assert_close(moved, torch.tensor([[expected]]))


def test_the_trace_is_that_of_the_jacobian_of_the_field():
    field, x = VelocityField(3, 16), torch.randn(7, 3)
    velocity, trace = velocity_and_trace(field, x, 0.4, ExactTrace()(x))
    jacobian = torch.func.vmap(torch.func.jacrev(lambda row: field(row[None], 0.4)[0]))
    torch.testing.assert_close(velocity, field(x, 0.4))
    expected = jacobian(x).diagonal(dim1=1, dim2=2).sum(-1)
    torch.testing.assert_close(trace, expected)


def test_the_mean_over_all_sign_probes_is_exact_and_so_is_its_gradient():
    field, x = VelocityField(3, 8), torch.randn(4, 3)
    found = []
    for probes in (ExactTrace(), all_signs):
        z, log_det = Continuous(3, field, probes).inverse(x)
        gradients = torch.autograd.grad(log_det.sum(), list(field.parameters())[:-1])
        found.append((z, log_det, *gradients))
    for exact, mean in zip(*found, strict=True):
        torch.testing.assert_close(mean, exact)


def test_hutchinson_scatters_as_its_variance_says():
    layer = Continuous(3, LinearField(), HutchinsonTrace(0), time=1.5)
    log_det = layer(torch.zeros(100_000, 3))[1]
    symmetric = (torch.tensor(A) + torch.tensor(A).mT) / 2
    off = symmetric.square().sum() - symmetric.diagonal().square().sum()
    expected = 1.5**2 * 2 * off  # one probe all along the path
    torch.testing.assert_close(log_det.var(), expected, rtol=0.03, atol=0)
    torch.testing.assert_close(log_det.mean(), torch.tensor(0.75), rtol=0, atol=0.02)


def test_points_of_the_line_keep_their_order():
    torch.manual_seed(3)
    field = VelocityField(1, 32)
    with torch.no_grad():
        for parameter in field.parameters():
            parameter *= 3
    path = Continuous(1, field, steps=100).path(torch.linspace(-3, 3, 200)[:, None])[0]
    assert (path.diff(dim=1) > 0).all()


def test_the_path_leads_from_z_to_x():
    layer, z = Continuous(2, steps=7), torch.randn(5, 2)
    path, log_det = layer.path(z)
    assert path.shape == (8, 5, 2)
    torch.testing.assert_close((path[0], log_det[0]), (z, torch.zeros(5)))
    torch.testing.assert_close((path[-1], log_det[-1]), layer(z))


def test_new_probes_are_drawn_for_each_call_and_row():
    layer = Continuous(2, LinearField(), HutchinsonTrace(1))
    layer.dim, layer.field = 2, VelocityField(2)
    first, second = (layer(torch.zeros(5, 2))[1] for _ in range(2))
    assert not torch.equal(first, second)
    assert len(first.unique()) > 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"time": 0.0}, "positive time, got 0"),
        ({"time": math.nan}, "positive time, got nan"),
        ({"time": math.inf}, "positive time, got inf"),
        ({"steps": 0}, "steps >= 1, got 0"),
    ],
)
def test_impossible_settings_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Continuous(2, **options)
