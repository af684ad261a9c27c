"""After training, layers are as exact as their dtype allows: no error creeps in."""

import copy

import pytest
import torch

from flowbook.autoregressive import AffineAutoregressive, SplineAutoregressive
from flowbook.coupling import AffineCoupling, SplineCoupling, alternating_mask
from flowbook.densities import ZOO, StandardNormal
from flowbook.elementwise import ElementwiseAffine
from flowbook.flow import Flow
from flowbook.linear import PLU, ActNorm
from flowbook.mixture import LogisticMixture
from flowbook.training import fit

ORDERS = [torch.tensor([0, 1]), torch.tensor([1, 0])]
STACKS = {
    "affine coupling": lambda i: AffineCoupling(alternating_mask(2, i), 32),
    "spline coupling": lambda i: SplineCoupling(alternating_mask(2, i), 32, bins=16),
    "affine autoregressive": lambda i: AffineAutoregressive(2, (32, 32), ORDERS[i % 2]),
    "spline autoregressive": lambda i: SplineAutoregressive(2, (32,), ORDERS[i % 2]),
    "linear and mixture": lambda i: (
        LogisticMixture(2) if i % 2 else PLU(torch.tensor([[1.0, 0.3], [-0.3, 1.0]]))
    ),
    "normalised affine coupling": lambda i: (
        AffineCoupling(alternating_mask(2, i // 2), 32) if i % 2 else ActNorm(2)
    ),
}
TARGET = ZOO["checkerboard"]


@pytest.fixture(scope="module", params=STACKS)
def trained(request) -> Flow:
    torch.manual_seed(0)
    data = TARGET.sample(20_000, 0)
    layers = [STACKS[request.param](i) for i in range(4)]
    # Splines reach to 5: let the data fill that.
    last = ElementwiseAffine(data.mean(0), data.std(0) / 2)
    flow = Flow(StandardNormal(2), [*layers, last])
    fit(flow, data, steps=200, batch=256, seed=0, progress=False)
    return flow


def test_float64_log_det_is_that_of_autograd_to_1e_11(trained):
    flow = copy.deepcopy(trained).double()
    x = TARGET.sample(50, 1, torch.float64).requires_grad_()
    z, log_det = flow.inverse(x)
    # Rows do not see each other, so one backward pass a column serves all rows.
    rows = [torch.autograd.grad(c.sum(), x, retain_graph=True)[0] for c in z.T]
    expected = torch.linalg.slogdet(torch.stack(rows, 1)).logabsdet
    torch.testing.assert_close(log_det, expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize(
    ("dtype", "error"), [(torch.float64, 1e-11), (torch.float32, 1e-4)]
)
def test_the_inverse_comes_back_to_the_data(trained, dtype, error):
    flow, x = copy.deepcopy(trained).to(dtype), TARGET.sample(1000, 2, dtype)
    with torch.no_grad():
        back, _ = flow(flow.inverse(x)[0])
    assert (back - x).abs().max() <= error
