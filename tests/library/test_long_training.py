"""Long training: a stopped run goes on as if nothing had been, in parts as in one."""

import pytest
import torch
from torch import nn

from flowbook.dequantization import Dequantized, ScaledLogistic, negative_bound
from flowbook.image_flows import glow
from flowbook.long_training import fit_long

SETTINGS = {"steps": 6, "batch": 8, "lr": 0.01, "progress": False}


class Mean(nn.Module):
    """One number, whose best value for squared errors is the mean."""

    def __init__(self) -> None:
        super().__init__()
        self.at = nn.Parameter(torch.zeros(()))


def squared(model: nn.Module, rows: torch.Tensor) -> torch.Tensor:
    return (rows - model.at).square().mean()


def images(count: int = 20, seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(17, (count, 4, 4), generator=generator, dtype=torch.uint8)


def small_glow() -> Dequantized:
    torch.manual_seed(0)
    return Dequantized(glow(ScaledLogistic(17), (1, 4, 4), hidden=4, steps=1))


def trained(**options) -> tuple[Dequantized, torch.Tensor]:
    model = small_glow()
    settings = SETTINGS | {"loss": negative_bound} | options
    return model, fit_long(model, images(), **settings).loss


def assert_equal(one: nn.Module, other: nn.Module) -> None:
    first, second = one.state_dict(), other.state_dict()
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_a_stopped_run_goes_on_as_if_it_had_not_been_stopped(tmp_path):
    whole, losses = trained()

    def power_cut(model, rows, step):
        if step == 4:
            raise InterruptedError

    options = {"checkpoint": tmp_path / "run.pt", "every": 3}
    with pytest.raises(InterruptedError):
        trained(before_step=power_cut, **options)
    torch.rand(7)  # torch's own generator is elsewhere now
    again, of_both = trained(**options)
    assert torch.equal(of_both, losses)
    assert_equal(again, whole)
    assert [path.name for path in tmp_path.iterdir()] == ["run.pt"]


def test_a_finished_run_is_read_and_not_repeated(tmp_path):
    path = tmp_path / "deep/er/run.pt"
    whole, losses = trained(checkpoint=path)

    def never(model, rows, step):
        raise AssertionError(step)

    again, kept = trained(checkpoint=path, before_step=never)
    assert torch.equal(kept, losses)
    assert_equal(again, whole)


@pytest.mark.parametrize("parts", [2, 4])
def test_a_batch_in_parts_gives_the_step_of_the_whole(parts):
    models = Mean(), Mean()
    losses = [
        fit_long(model, images(), loss=squared, parts=p, **SETTINGS).loss
        for model, p in zip(models, (1, parts), strict=True)
    ]
    torch.testing.assert_close(*losses)
    torch.testing.assert_close(models[0].at, models[1].at)


def test_each_pass_takes_every_image_once_in_a_new_order():
    seen, data = [], torch.arange(12, dtype=torch.uint8).view(12, 1, 1)

    def note(model, rows, step):
        seen.extend(rows[:, 0].tolist())

    options = SETTINGS | {"batch": 4}
    fit_long(Mean(), data, loss=squared, before_step=note, **options)
    passes = [seen[:12], seen[12:]]
    assert [sorted(each) for each in passes] == [list(range(12))] * 2
    assert passes[0] != passes[1]


def test_it_learns():
    model, data = Mean(), images(64)
    fit_long(model, data, loss=squared, **SETTINGS | {"steps": 300, "lr": 0.2})
    assert abs(model.at - data.float().mean()) < 0.5


def test_a_loss_that_is_not_finite_names_its_step_and_changes_nothing():
    model = Mean()

    def broken(model, rows):
        return model.at * float("nan")

    with pytest.raises(FloatingPointError, match="at step 0"):
        fit_long(model, images(), loss=broken, **SETTINGS)
    assert model.at == 0


def test_another_runs_checkpoint_is_refused(tmp_path):
    path = tmp_path / "run.pt"
    trained(checkpoint=path)
    with pytest.raises(ValueError, match=r"is a run with \{'lr': 0.01\}, and .*0.02"):
        trained(checkpoint=path, lr=0.02)


DAMAGED = {
    "empty": lambda data: b"",
    "cut off": lambda data: data[: len(data) // 2],
    "text": lambda data: b"no checkpoint",
}


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_checkpoint_is_one_sentence(tmp_path, damage):
    path = tmp_path / "run.pt"
    trained(checkpoint=path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=r"run.pt is no checkpoint of fit_long"):
        trained(checkpoint=path)


def test_a_checkpoint_runs_no_code(tmp_path):
    class Hostile:
        def __reduce__(self):
            return (tmp_path.joinpath("ran").touch, ())

    torch.save({"settings": Hostile(), "loss": 0}, tmp_path / "run.pt")
    with pytest.raises(ValueError, match="no checkpoint"):
        trained(checkpoint=tmp_path / "run.pt")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"parts": 3}, "expects a batch that 3 parts divide, got 8"),
        ({"steps": 0}, "integer steps >= 1"),
        ({"batch": 0}, "integer batch >= 1"),
    ],
)
def test_settings_that_do_not_fit_are_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        trained(**options)


@pytest.mark.parametrize("data", [torch.zeros(4, 2, 2), images(0)])
def test_images_that_are_no_bytes_are_refused(data):
    with pytest.raises(ValueError, match="expects images as unsigned bytes"):
        fit_long(Mean(), data, loss=squared, **SETTINGS)
