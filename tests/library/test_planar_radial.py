"""Claims about planar and radial layers, beyond those that every layer keeps."""

import pytest
import torch
from torch.func import jacrev, vmap

from flowbook.planar_radial import Planar, Radial, solve

pytestmark = pytest.mark.usefixtures("float64")


def planar(w, u, b=0.0) -> Planar:
    """A planar layer with these parameters."""
    layer = Planar(len(w)).requires_grad_(False)
    layer.w.copy_(torch.tensor(w))
    layer.u.copy_(torch.tensor(u))
    layer.b.fill_(b)
    return layer


def radial(centre, radius: float, stretch: float) -> Radial:
    """A radial layer with the paper's A and the stretch exp(s) at its centre."""
    layer = Radial(len(centre)).requires_grad_(False)
    layer.centre.copy_(torch.tensor(centre))
    layer.log_radius.fill_(radius).log_()
    layer.log_stretch.fill_(stretch).log_()
    return layer


@pytest.mark.parametrize("make", [Planar, Radial])
def test_a_new_layer_is_the_identity(make):
    z = torch.randn(20, 3)
    x, log_det = make(3)(z)
    torch.testing.assert_close(x, z)
    torch.testing.assert_close(log_det, torch.zeros(20))


@pytest.mark.parametrize("u", [[0.4, -0.3], [3.0, 2.0], [0.0, 0.0]])
def test_u_that_keeps_the_condition_is_left_alone(u):
    layer = planar([1.0, -0.5], u)
    assert layer.w @ layer.u >= 0
    v, slope = layer.direction_and_slope()
    torch.testing.assert_close(v, layer.u)
    torch.testing.assert_close(slope, 1 + layer.w @ layer.u)


@pytest.mark.parametrize("size", [0.1, 1.0, 5.0, 30.0])
def test_u_that_breaks_it_is_moved_along_w_until_w_v_is_above_minus_one(size):
    layer = planar([1.0, 2.0, -1.0], [-size, 0.0, size])
    v, slope = layer.direction_and_slope()
    along = layer.w @ layer.u
    assert along < 0
    torch.testing.assert_close(layer.w @ v, torch.expm1(along))
    torch.testing.assert_close(slope, along.exp())
    moved = v - layer.u
    torch.testing.assert_close(moved, (moved @ layer.w) / (layer.w @ layer.w) * layer.w)


def test_without_the_condition_the_formula_folds_the_line():
    # z - 2 tanh(z) falls at 0, rises far out, and takes the value 0 three times.
    z = torch.linspace(-3, 3, 601)
    folded = z - 2 * torch.tanh(z)
    assert (folded.diff() < 0).any()
    layer = planar([1.0], [-2.0])
    kept, _ = layer(z[:, None])
    assert (kept.diff(dim=0) > 0).all()


def test_a_layer_that_almost_folds_still_finds_its_way_back():
    layer = planar([1.0, 0.0], [-12.0, 0.3])
    z = torch.randn(200, 2)
    x, log_det = layer(z)
    back, log_det_back = layer.inverse(x)
    # Near a = 0 the map is as flat as a³/3, so rounding grows to its cube root.
    torch.testing.assert_close(back, z, rtol=0, atol=1e-5)
    torch.testing.assert_close(layer(back)[0], x, rtol=0, atol=1e-14)
    clear = (z[:, 0].abs() > 0.05).nonzero().squeeze(-1)
    torch.testing.assert_close(log_det[clear], -log_det_back[clear])


@pytest.mark.parametrize("slope", [1e-9, 0.3, 1.0, 7.0])
def test_the_root_solves_its_equation(slope):
    a = torch.linspace(-20, 20, 401)
    slope = torch.tensor(slope)
    y = a + (slope - 1) * torch.tanh(a)
    found = solve(y, slope)
    torch.testing.assert_close(found + (slope - 1) * torch.tanh(found), y)


def test_w_of_zero_has_finite_values_and_gradients():
    layer = Planar(2)
    with torch.no_grad():
        layer.w.zero_()
        layer.u.fill_(1.0)
    x, log_det = layer(torch.randn(5, 2))
    (x.sum() + log_det.sum()).backward()
    assert all(p.grad.isfinite().all() for p in layer.parameters())


@pytest.mark.parametrize("stretch", [0.01, 0.5, 1.0, 4.0])
def test_the_radial_layer_is_the_papers_and_its_condition_is_met(stretch):
    layer, radius = radial([0.5, -1.0, 0.0], 0.7, stretch), 0.7
    beta = radius * (stretch - 1)
    assert beta >= -radius
    z = torch.randn(50, 3)
    away = z - layer.centre
    r = away.norm(dim=-1, keepdim=True)
    torch.testing.assert_close(layer(z)[0], z + beta * away / (radius + r))


def test_at_its_centre_a_radial_layer_stretches_alike_in_all_directions():
    layer = radial([0.5, -1.0], 0.7, 3.0)
    jacobian = jacrev(lambda row: layer(row[None])[0][0])(layer.centre + 1e-9)
    torch.testing.assert_close(jacobian, 3 * torch.eye(2), rtol=0, atol=1e-7)


@pytest.mark.parametrize("stretch", [1e-6, 1e6])
def test_the_radial_inverse_loses_no_digits_to_cancellation(stretch):
    layer = radial([0.0, 0.0], 1.0, stretch)
    z = torch.randn(100, 2) * torch.logspace(-3, 3, 100)[:, None]
    back = layer.inverse(layer(z)[0])[0]
    # Where the map squeezes 1e6 times, six of the sixteen digits are gone.
    torch.testing.assert_close(back, z, rtol=1e-9, atol=0)


def test_jacobians_have_the_structure_that_the_lemma_needs():
    z = torch.randn(30, 4)
    layer = planar([1.0, -1.0, 0.5, 2.0], [0.3, 0.2, -0.1, 0.4], b=0.2)
    jacobian = vmap(jacrev(lambda row: layer(row[None])[0][0]))(z)
    rest = torch.linalg.svdvals(jacobian - torch.eye(4))
    assert (rest[:, 1:] < 1e-12).all()  # of rank one
    layer = radial([0.0, 0.0, 0.0, 0.0], 1.0, 2.0)
    jacobian = vmap(jacrev(lambda row: layer(row[None])[0][0]))(z)
    values = torch.linalg.eigvalsh(jacobian)  # symmetric: three alike, one along r
    torch.testing.assert_close(values[:, 1:3], values[:, 3:].expand(-1, 2))


@pytest.mark.parametrize("direction", ["forward", "inverse"])
def test_the_first_step_of_training_takes_the_gradient_of_the_slope_once(direction):
    # log|det| = ±log(1 + w·u (1 - tanh²)) near u = 0, with the slope w (1 - tanh²).
    layer, z = Planar(3), torch.randn(1, 3)
    sign = 1 if direction == "forward" else -1
    (found,) = torch.autograd.grad(getattr(layer, direction)(z)[1].sum(), layer.u)
    bend = torch.tanh(z[0] @ layer.w + layer.b)
    torch.testing.assert_close(found, sign * layer.w * (1 - bend.square()))


def test_the_radial_inverse_has_its_derivative_where_its_two_forms_meet():
    # |x - c| = A exp(s): the Jacobian there is the inverse of the other way's.
    layer, x = radial([0.0, 0.0], 1.0, 2.0), torch.tensor([1.2, 1.6])

    def back(x):
        return layer.inverse(x[None])[0][0]

    forward = jacrev(lambda z: layer(z[None])[0][0])(back(x))
    torch.testing.assert_close(jacrev(back)(x), torch.linalg.inv(forward))
