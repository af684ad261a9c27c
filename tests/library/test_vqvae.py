"""Claims of flowbook.vqvae: codes of digits, their shapes and their training."""

import pytest
import torch

from flowbook.codes import perplexity
from flowbook.digits import digits
from flowbook.vqvae import VQVAE, TwoLevelVQVAE, fit_codes


def some_digits(n: int) -> torch.Tensor:
    images, _ = digits(torch.float32)
    return images[:n]


@pytest.mark.parametrize(("halvings", "side"), [(1, 4), (2, 2)])
def test_a_code_map_says_all_that_the_decoder_hears(halvings, side):
    model, x = VQVAE(16, halvings=halvings, hidden=8), some_digits(6)
    codes = model.codes(x)
    assert codes.shape == (6, side, side)
    quantised, found, _ = model.quantizer(model.encode(x))
    assert torch.equal(found, codes)
    torch.testing.assert_close(model.decode(quantised), model.parameters_of(codes))
    assert model.parameters_of(codes).shape == (6, 128)


def test_both_code_maps_say_all_that_the_decoder_hears():
    model, x = TwoLevelVQVAE(8, 16, hidden=8), some_digits(6)
    top, bottom = model.codes(x)
    assert (top.shape, bottom.shape) == ((6, 2, 2), (6, 4, 4))
    above, found, _ = model.top(model.encode_top(x))
    below, lower, _ = model.bottom(model.encode_bottom(x, above))
    assert torch.equal(found, top)
    assert torch.equal(lower, bottom)
    torch.testing.assert_close(
        model.decode(above, below), model.parameters_of(*(top, bottom))
    )


@pytest.mark.parametrize(
    "build", [lambda: VQVAE(8, hidden=8), lambda: TwoLevelVQVAE(4, 8, hidden=8)]
)
def test_training_lowers_the_loss_and_leaves_few_codes_dead(build):
    torch.manual_seed(0)
    model, x = build(), some_digits(300)
    history = fit_codes(
        model, x, steps=60, every=20, batch=100, lr=5e-3, progress=False
    )
    assert history.loss[-5:].mean() < history.loss[:5].mean() - 10
    codes = model.codes(x)
    bottom = codes if torch.is_tensor(codes) else codes[1]
    assert perplexity(bottom, 8) > 1.5


def test_all_parameters_are_trained():
    for model in (VQVAE(8, hidden=8), TwoLevelVQVAE(4, 8, hidden=8)):
        model.loss(some_digits(20)).backward()
        assert all(p.grad.abs().sum() > 0 for p in model.parameters())


def test_an_image_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"VQVAE expects x of shape \(batch, 64\)"):
        VQVAE(4).codes(torch.zeros(2, 49))


def test_restarts_come_after_one_step_or_more():
    with pytest.raises(ValueError, match="integer every >= 1, got 0"):
        fit_codes(VQVAE(4), some_digits(20), steps=1, every=0)


def test_larger_images_of_more_levels_have_larger_maps_and_probabilities():
    model = VQVAE(16, halvings=2, hidden=4, pixels=16, levels=3)
    x = torch.randint(3, (2, 256)).float()
    codes = model.codes(x)
    assert codes.shape == (2, 4, 4)
    # The three levels of one pixel, all others as they are, sum to one.
    parameters = model.parameters_of(codes)
    each = x.repeat(3, 1, 1)
    each[:, :, 100] = torch.arange(3.0)[:, None]
    share = (model.likelihood(each, parameters) - model.likelihood(x, parameters)).exp()
    own = model.likelihood.log_prob(
        x[:, 100], parameters[:, 100], parameters[:, 256 + 100]
    )
    torch.testing.assert_close(share.sum(0), (-own).exp())


def test_a_side_that_cannot_be_halved_is_refused():
    with pytest.raises(ValueError, match="a multiple of 4 for pixels, got 10"):
        VQVAE(4, halvings=2, pixels=10)
