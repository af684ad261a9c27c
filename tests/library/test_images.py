"""Layers for images: where entries go, what they see, and what whole flows weigh."""

import math

import pytest
import torch
from torch import Tensor
from torch.func import jacrev, vmap
from torch.nn.functional import conv2d, pixel_unshuffle

from flowbook.coupling import AffineCoupling, half_mask
from flowbook.densities import StandardNormal, integrate
from flowbook.dequantization import ScaledLogistic
from flowbook.elementwise import Logistic
from flowbook.flow import Flow, Layer
from flowbook.image_flows import glow, nice, realnvp, sample_at
from flowbook.images import (
    ConvCoupling,
    OnPart,
    PerPixel,
    Squeeze,
    channel_mask,
    checkerboard_mask,
    squeezed,
)
from flowbook.linear import PLU, ActNorm, Dense, Diagonal
from flowbook.masked_convolution import MaskedConvolution, before_mask
from flowbook.nets import InBfloat16

pytestmark = pytest.mark.usefixtures("float64")


def stirred(layer: Layer, spread: float = 0.2) -> Layer:
    """Move the parameters away from their start, which is often the identity."""
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter += spread * torch.randn_like(parameter)
    return layer.eval()


def jacobian(function, at: Tensor) -> Tensor:
    return vmap(jacrev(lambda row: function(row[None])[0][0]))(at)


def test_a_checkerboard_copies_no_two_neighbours_and_its_parities_share_all():
    board = checkerboard_mask((2, 3, 4)).view(2, 3, 4)
    assert (board[:, 1:] != board[:, :-1]).all()
    assert (board[:, :, 1:] != board[:, :, :-1]).all()
    assert board[:, 0, 0].all()
    assert torch.equal(checkerboard_mask((2, 3, 4), 1).view(2, 3, 4), ~board)


def test_a_channel_mask_takes_whole_channels_the_larger_half_first():
    mask = channel_mask((3, 2, 2)).view(3, 4)
    assert mask.tolist() == [[True] * 4, [True] * 4, [False] * 4]
    assert torch.equal(channel_mask((3, 2, 2), 1).view(3, 4), ~mask)


@pytest.mark.parametrize("shape", [(1, 4, 4), (3, 2, 6), (2, 8, 2)])
def test_squeeze_is_the_pixel_unshuffle_of_torch(shape):
    layer, x = Squeeze(shape), torch.randn(5, shape[0] * shape[1] * shape[2])
    expected = pixel_unshuffle(x.view(5, *shape), 2)
    assert expected.shape[1:] == squeezed(shape)
    assert torch.equal(layer.inverse(x)[0], expected.flatten(1))
    assert torch.equal(layer(layer.inverse(x)[0])[0], x)


def test_squeeze_refuses_what_blocks_do_not_divide():
    with pytest.raises(ValueError, match="divide, got 3 and 4"):
        Squeeze((1, 3, 4))


@pytest.mark.parametrize("kind", [Dense, PLU])
def test_a_matrix_at_every_pixel_is_the_1x1_convolution_of_torch(kind):
    matrix, x = torch.randn(3, 3), torch.randn(5, 3 * 2 * 4)
    layer = PerPixel(kind(matrix), (3, 2, 4))
    expected = conv2d(x.view(5, 3, 2, 4), matrix[:, :, None, None])
    value, log_det = layer(x)
    torch.testing.assert_close(value, expected.flatten(1))
    log_area = 8 * torch.linalg.slogdet(matrix).logabsdet
    torch.testing.assert_close(log_det, log_area.expand(5))


def test_activation_normalisation_at_every_pixel_makes_channels_standard():
    layer = PerPixel(ActNorm(3), (3, 4, 4)).train()
    z = layer.inverse(3 + 5 * torch.randn(40, 48))[0].view(40, 3, 16)
    torch.testing.assert_close(z.mean((0, 2)), torch.zeros(3))
    torch.testing.assert_close(z.var((0, 2), correction=0), torch.ones(3))


def test_per_pixel_refuses_another_number_of_channels():
    with pytest.raises(ValueError, match="a layer for 2 channels, got one for 3"):
        PerPixel(ActNorm(3), (2, 4, 4))


@pytest.mark.parametrize("mask", [checkerboard_mask, channel_mask])
def test_a_convolutional_coupling_is_triangular_and_copies_what_the_mask_says(mask):
    copied = mask((2, 4, 4))
    layer = stirred(ConvCoupling(copied, (2, 4, 4), hidden=8))
    z = torch.randn(3, 32)
    assert torch.equal(layer(z)[0][:, copied], z[:, copied])
    blocks = jacobian(layer, z)
    moved = blocks[:, ~copied][:, :, ~copied]
    diagonal = torch.diag_embed(moved.diagonal(dim1=1, dim2=2))
    torch.testing.assert_close(moved, diagonal)
    assert (blocks[:, ~copied][:, :, copied] != 0).any()


def test_a_convolutional_coupling_refuses_a_mask_of_another_size_or_of_one_kind():
    for mask in (torch.ones(8), torch.zeros(16), torch.ones(16)):
        with pytest.raises(ValueError, match=r"expects a mask of shape \(16,\)"):
            ConvCoupling(mask, (1, 4, 4))


def test_a_layer_on_a_part_is_a_coupling_that_ignores_the_other_half():
    coupling = AffineCoupling(half_mask(4, 1), hidden=8)  # moves the first two
    coupling = stirred(coupling)
    part = OnPart(stirred(MaskedConvolution((2, 1, 1))), 4)
    z = torch.randn(4, 4)
    looks = jacobian(coupling, z)[:, :2, 2:]
    ignores = jacobian(part, z)[:, :2, 2:]
    assert looks.abs().max() > 1e-3
    assert torch.equal(ignores, torch.zeros_like(ignores))
    with pytest.raises(ValueError, match="at most 3 entries, got one for 4"):
        OnPart(coupling, 3)


def test_the_masks_of_a_convolution_look_back_in_the_order_of_reading():
    mask = before_mask(3, 3)
    assert mask[:, :, 0].all()
    assert not mask[:, :, 2].any()
    assert mask[:, :, 1, 0].all()
    assert not mask[:, :, 1, 2].any()
    assert mask[:, :, 1, 1].tolist() == torch.ones(3, 3).tril(-1).bool().tolist()


@pytest.mark.parametrize("backwards", [False, True])
def test_a_masked_convolution_is_triangular_in_its_order_and_one_convolution(backwards):
    layer = stirred(MaskedConvolution((2, 3, 4), backwards=backwards))
    x = torch.randn(3, 24)
    inside = jacobian(layer.inverse, x)[:, layer.order][:, :, layer.order]
    torch.testing.assert_close(inside, inside.tril())
    assert (inside.tril(-1) != 0).any()
    weight = layer.weight * layer.mask
    middle = torch.eye(2) * (-layer.log_scale).exp()
    weight = weight + torch.nn.functional.pad(middle[..., None, None], (1, 1, 1, 1))
    expected = conv2d(x.view(3, 2, 3, 4), weight, layer.bias, padding=1)
    torch.testing.assert_close(layer.inverse(x)[0], expected.flatten(1))


def test_one_masked_convolution_sees_its_neighbours_and_two_see_further():
    one = stirred(MaskedConvolution((1, 5, 5)))
    two = Flow(None, [one, stirred(MaskedConvolution((1, 5, 5)))])
    x = torch.randn(1, 25)
    seen = [jacobian(f.inverse, x)[0, 12].view(5, 5) != 0 for f in (one, two)]
    assert seen[0].sum() == 5  # itself and four of its eight neighbours
    assert seen[1].sum() == 12
    # The blind spot: it comes before, and no number of layers reaches it.
    assert not seen[1][1, 4]


def test_a_masked_convolution_refuses_an_even_kernel():
    with pytest.raises(ValueError, match="an odd size, got 2"):
        MaskedConvolution((1, 4, 4), size=2)


BUILDERS = {"NICE": nice, "RealNVP": realnvp, "Glow": glow}


def small(name: str, pixels: Layer) -> Flow:
    torch.manual_seed(0)
    flow = BUILDERS[name](pixels, shape=(1, 4, 4), hidden=6)
    return stirred(flow)


@pytest.mark.parametrize("name", BUILDERS)
def test_the_log_det_of_a_whole_flow_is_that_of_autograd(name):
    flow = small(name, ScaledLogistic(17, 0.05))
    x = 17 * torch.rand(4, 16)
    z, log_det = flow.inverse(x)
    expected = torch.linalg.slogdet(jacobian(flow.inverse, x)).logabsdet
    torch.testing.assert_close(log_det, expected, rtol=0, atol=1e-10)
    torch.testing.assert_close(flow(z)[0], x, rtol=0, atol=1e-9)
    torch.testing.assert_close(flow(z)[1], -log_det, rtol=0, atol=1e-9)


@pytest.mark.parametrize("scales", [1, 3])
def test_a_glow_of_any_number_of_scales_has_the_log_det_of_autograd(scales):
    torch.manual_seed(0)
    settings = {"shape": (1, 8, 8), "hidden": 3, "steps": 1, "scales": scales}
    flow = stirred(glow(ScaledLogistic(256), **settings))
    x = 256 * torch.rand(2, 64)
    z, log_det = flow.inverse(x)
    expected = torch.linalg.slogdet(jacobian(flow.inverse, x)).logabsdet
    torch.testing.assert_close(log_det, expected, rtol=0, atol=1e-9)
    torch.testing.assert_close(flow(z)[0], x, rtol=0, atol=1e-8)


def test_a_coupling_whose_network_rounds_still_has_the_log_det_of_its_jacobian():
    shape, z = (4, 2, 2), torch.randn(5, 16).float()
    layer = stirred(ConvCoupling(channel_mask(shape), shape, hidden=4).float())
    exact = layer.log_scale_and_shift(z)[0]
    layer.conditioner = InBfloat16(layer.conditioner)
    x, log_det = layer(z)
    assert 1e-4 < (layer.log_scale_and_shift(z)[0] - exact).abs().max() < 0.1
    assert (x.dtype, log_det.dtype) == (torch.float32, torch.float32)
    expected = torch.linalg.slogdet(jacobian(layer, z)).logabsdet
    torch.testing.assert_close(log_det, expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(layer.inverse(x)[0], z, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", BUILDERS)
def test_the_density_of_a_whole_flow_has_mass_one(name):
    # By importance sampling, from a proposal that knows nothing of the flow.
    torch.manual_seed(0)
    flow = stirred(BUILDERS[name](Logistic(), shape=(1, 4, 4), hidden=6), 0.03)
    proposal, n = Flow(StandardNormal(16), [Diagonal(torch.full((16,), 1.3))]), 100_000
    z = proposal.sample(n, 0)
    with torch.no_grad():
        x, log_det = Logistic()(z)
        weights = (flow.log_prob(x) + log_det - proposal.log_prob(z)).exp()
    error = weights.std() / n**0.5
    assert abs(weights.mean() - 1) < 4 * error
    assert error < 0.02


def test_a_coupling_of_two_pixels_has_mass_one_by_quadrature():
    coupling = stirred(ConvCoupling(checkerboard_mask((1, 1, 2)), (1, 1, 2), 6))
    flow = Flow(StandardNormal(2), [coupling, ScaledLogistic(1, 0.0)])

    @torch.no_grad()
    def density(x):
        return flow.log_prob(x).exp()

    assert integrate(density, ((0, 1), (0, 1)), 400).item() == pytest.approx(
        1, abs=1e-3
    )


def test_the_temperature_scales_the_base_and_zero_gives_one_image():
    flow = small("RealNVP", ScaledLogistic(17, 0.05))
    cold = sample_at(flow, 0.0, 3, seed=0)
    assert torch.equal(cold[0], cold[1])
    torch.testing.assert_close(cold[:1], flow(torch.zeros(1, 16))[0])
    half = sample_at(flow, 0.5, 4, seed=2)
    torch.testing.assert_close(half, flow(0.5 * StandardNormal(16).sample(4, 2))[0])
    torch.testing.assert_close(sample_at(flow, 1.0, 5, seed=2), flow.sample(5, seed=2))
    with pytest.raises(ValueError, match="not negative, got -1"):
        sample_at(flow, -1, 3, seed=0)


@pytest.mark.parametrize("build", [nice, realnvp, glow])
def test_the_order_of_memory_is_no_matter(build):
    flow = stirred(build(Logistic(), (2, 8, 8)), 0.05)
    x = torch.rand(3, 128).clamp(0.01, 0.99)
    expected, points = flow.log_prob(x), flow(flow.inverse(x)[0])[0]
    pictures = x.view(3, 2, 8, 8).to(memory_format=torch.channels_last)
    columns = x.T.contiguous().T
    flow.to(memory_format=torch.channels_last)
    for same in (pictures.flatten(1), columns):
        torch.testing.assert_close(flow.log_prob(same), expected)
        torch.testing.assert_close(flow(flow.inverse(same)[0])[0], points)


@pytest.mark.parametrize("temperature", [math.nan, math.inf, -1.0])
def test_a_temperature_is_a_number_from_zero_on(temperature):
    with pytest.raises(ValueError, match=f"temperature.*, got {temperature}"):
        sample_at(nice(Logistic(), (1, 2, 2)), temperature, 3, seed=0)
